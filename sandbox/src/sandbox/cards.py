"""The test cards: who holds them, what is wrong with them, and what a reader can ask of the chip.

Keys and certificates are issued once into `<state>/ca/cards`; `<state>/ca/issued.json` tells the J-LIS style responder
which serials exist and what became of them.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from sandbox.ca import profile
from sandbox.ca.authority import (
    NEXT_GENERATION,
    Credential,
    Generation,
    TestAuthority,
    load_credential,
    new_key,
    save_credential,
    write_private,
)
from sandbox.ca.leaf import Leaf
from sandbox.ca.profile import Kind
from sandbox.ca.root import end_of_day_in_japan
from sandbox.people import KIYOSE, MUNICIPALITIES, Person, synthetic

Status = Literal["good", "revoked", "suspended", "try_later"]
PIN_TRIES = 3
PASSWORD_TRIES = 5
# The test cards' serials lie below, those of synthetic people from here upwards; both have four bytes at most.
FIRST_CARD_SERIAL = 0x07100001
FIRST_PERSON_SERIAL = 0x10000000
LAST_PERSON_SERIAL = 0x1FFFFFFF
RSA_POOL = 16


@dataclass(frozen=True)
class Card:
    """What is known of a test card before it is issued; `what` says in one line what it is for.

    `pin` unlocks the user authentication key, `text_pin` the four attributes, `password` the signature key.
    """

    name: str
    person: Person
    what: str
    what_ja: str
    pin: str = "1234"
    text_pin: str = "5678"
    password: str = "SHIRUSHI1"
    kind: Kind = Kind.AUTH
    generation: int = 3
    issued_years_ago: float = 1.0
    status: Status = "good"
    locked: bool = False
    signature: bool = True
    policy: x509.ObjectIdentifier | None = None

    @property
    def algorithm(self) -> str:
        """The key type of this card's chip."""
        if self.kind is Kind.PHONE:
            return "p256"
        return "p384" if self.generation == NEXT_GENERATION else "rsa"


def _person(name: str, town: str, birthdate: str, gender: str, at: int = 0) -> Person:
    municipality = MUNICIPALITIES[at]
    return Person(name, f"{municipality.prefecture_ja}{municipality.name_ja}{town}", birthdate, gender, municipality)


HANAKO = _person("番号　花子", "松山１－２－３", "19900515", "2")
CARDS = (
    Card("hanako", HANAKO, "an adult with a valid card", "成人・有効なカード"),
    Card(
        "neighbour",
        _person("番号　花子", "松山１－２－４", "19900515", "2"),
        "hanako's neighbour: same name and birth date, another person",
        "花子さんの隣人（同姓同名・同じ生年月日の別人）",
        generation=2,
        issued_years_ago=2.5,
    ),
    Card("taro", _person("番号　太郎", "本町４－５－６", "19851103", "1", 1), "another adult", "成人・有効なカード"),
    Card(
        "minato",
        _person("番号　湊", "松山１－２－３", f"{datetime.now(UTC).year - 12}0401", "1"),
        "hanako's child, twelve or so: no signature certificate",
        "未成年（１５歳未満・署名用証明書なし）",
        signature=False,
    ),
    Card(
        "expired",
        _person("期限　切子", "旭が丘２－１－１", "19790820", "2", 2),
        "the certificate has expired",
        "有効期限切れのカード",
        generation=1,
        issued_years_ago=7.0,
    ),
    Card(
        "revoked",
        _person("失効　済", "栄町３－３－３", "19680229", "1", 3),
        "the certificate was revoked",
        "失効したカード",
        status="revoked",
    ),
    Card(
        "suspended",
        _person("一時　停止", "桜台７－８－９", "19950707", "1", 4),
        "on hold, reported lost",
        "一時停止中のカード（紛失届）",
        status="suspended",
    ),
    Card(
        "wrong-policy",
        _person("規定　外", "元町１－１－１", "19920210", "1", 5),
        "a certificate of the right authority for another purpose",
        "証明書ポリシーが異なるカード",
        policy=profile.FOREIGN_POLICY,
    ),
    Card(
        "locked",
        _person("暗証　忘", "緑町５－５－５", "19581231", "1", 6),
        "the PIN is locked after three wrong tries",
        "暗証番号がロックされたカード",
        locked=True,
    ),
    Card(
        "phone",
        _person("携帯　持子", "中央６－１－２", "20010909", "2", 7),
        "a certificate in a phone, without a card",
        "スマートフォンに搭載された証明書",
        kind=Kind.PHONE,
        generation=1,
        signature=False,
    ),
    Card(
        "next-generation",
        _person("次世代　未来", "東２－２－２", "19991130", "2", 0),
        "a next-generation card with P-384 keys",
        "次期個人番号カード（P-384）",
        generation=NEXT_GENERATION,
        issued_years_ago=0.5,
    ),
    Card(
        "unchecked",
        _person("照会　待男", "西町９－９－９", "19740430", "1", 1),
        "J-LIS never has an answer for it: the check is delayed",
        "有効性を確認できないカード（照会が完了しない）",
        status="try_later",
    ),
)
NAMES = {card.name: card for card in CARDS}


class PinBlockedError(Exception):
    """The PIN or password is locked; a real card would now need a visit to the municipality."""


class WrongPinError(Exception):
    """The PIN or password is wrong; `tries_left` says how often it may still be wrong."""

    def __init__(self, tries_left: int) -> None:
        super().__init__("wrong PIN")
        self.tries_left = tries_left


@dataclass
class Chip:
    """An issued card: the keys never leave it, each use asks for its PIN, wrong ones are counted."""

    card: Card
    authentication: Credential
    signature: Credential | None
    tries: dict[str, int] = field(default_factory=dict)

    def certificate(self, kind: Literal["auth", "sign"]) -> bytes:
        """DER of a certificate; the signature certificate names the person, a real card gives it only after its password.

        Raises:
            LookupError: The card has no such certificate.
        """
        return self._credential(kind).certificate.public_bytes(Encoding.DER)

    def sign(self, kind: Literal["auth", "sign"], pin: str, message: bytes) -> bytes:
        """Signs with the card's own algorithm: RSA PKCS#1 v1.5 SHA-256, ECDSA P-256 SHA-256 or P-384 SHA-384 (DER).

        Raises:
            WrongPinError, PinBlockedError: See there.
            LookupError: The card has no such key.
        """
        credential = self._credential(kind)
        if kind == "auth":
            self._unlock("auth", pin, self.card.pin, PIN_TRIES)
        else:
            self._unlock("sign", pin, self.card.password, PASSWORD_TRIES)
        return sign(credential.key, message)

    def attributes(self, pin: str) -> Person:
        """The four attributes of EF 0002 of the text application, which has a PIN and a counter of its own.

        EF 0003, which gives the My Number away, does not exist on this chip.
        """
        self._unlock("text", pin, self.card.text_pin, PIN_TRIES)
        return self.card.person

    def _credential(self, kind: Literal["auth", "sign"]) -> Credential:
        if kind == "auth":
            return self.authentication
        if self.signature is None:
            raise LookupError("The card has no signature certificate.")
        return self.signature

    def _unlock(self, which: str, given: str, right: str, allowed: int) -> None:
        left = self.tries.get(which, 0 if self.card.locked and which == "auth" else allowed)
        if left == 0:
            raise PinBlockedError
        if given != right:
            self.tries[which] = left - 1
            if left == 1:
                raise PinBlockedError
            raise WrongPinError(left - 1)
        self.tries[which] = allowed


def sign(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """The card's signature over a message."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(message, ec.ECDSA(hashes.SHA384() if key.curve.key_size > 256 else hashes.SHA256()))


def _not_after(card: Card, not_before: datetime) -> datetime:
    if card.algorithm == "p384":
        return end_of_day_in_japan(not_before.replace(year=not_before.year + 10, day=1))
    first = not_before.year if card.person.birthday_in(not_before.year) > not_before else not_before.year + 1
    return end_of_day_in_japan(card.person.birthday_in(first + 4))


def _authentication_leaf(card: Card, serial: int, not_before: datetime) -> Leaf:
    random = Random(serial)
    token = "".join(random.choices("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=14))
    municipality = card.person.municipality
    return Leaf(
        kind=card.kind,
        subject=profile.authentication_subject(token, municipality),
        serial=serial,
        not_before=not_before,
        not_after=_not_after(card, not_before),
        municipality=municipality,
        policy=card.policy,
    )


def _signature_leaf(card: Card, serial: int, not_before: datetime) -> Leaf:
    municipality = card.person.municipality
    stamp = f"{not_before:%Y%m%d%H%M%S}{serial % 100_000:05}"
    return Leaf(
        kind=Kind.SIGN,
        subject=profile.signature_subject(stamp, municipality),
        serial=serial,
        not_before=not_before,
        not_after=_not_after(card, not_before),
        municipality=municipality,
        names=card.person.signature_names(),
    )


def _issue(card: Card, serial: int, authority: TestAuthority, directory: Path) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    not_before = now - timedelta(days=card.issued_years_ago * 365.25)
    leaf = _authentication_leaf(card, serial, not_before)
    key = new_key(card.algorithm)
    certificate = authority.generations[card.kind, card.generation].issue(leaf, key.public_key())
    if card.signature:
        signing_key = new_key(card.algorithm)
        generation = authority.generations[Kind.SIGN, card.generation]
        signed = generation.issue(_signature_leaf(card, serial, not_before), signing_key.public_key())
        save_credential(directory / f"{card.name}.sign", Credential(signing_key, signed))
    save_credential(directory / f"{card.name}.auth", Credential(key, certificate))


def ensure(state: Path, authority: TestAuthority) -> None:
    """Issues the test cards that do not exist yet and writes the list of issued serials."""
    directory = state / "ca" / "cards"
    issued: dict[str, Status] = {}
    for offset, card in enumerate(CARDS):
        serial = FIRST_CARD_SERIAL + 0x101 * offset
        if not (directory / f"{card.name}.auth.pem").exists():
            _issue(card, serial, authority, directory)
        issued[f"{card.kind}:{serial:x}"] = card.status
        if card.signature:
            issued[f"{Kind.SIGN}:{serial:x}"] = card.status
    content = json.dumps({"statuses": issued, "people": [FIRST_PERSON_SERIAL, LAST_PERSON_SERIAL]}, indent=1).encode()
    path = state / "ca" / "issued.json"
    if not path.exists() or path.read_bytes() != content:
        write_private(path, content)


def load(state: Path, name: str) -> Chip:
    """An issued test card, its PIN counters fresh.

    Raises:
        LookupError: There is no test card of this name.
    """
    if name not in NAMES:
        raise LookupError(f"There is no test card of this name; there are: {', '.join(NAMES)}.")
    directory = state / "ca" / "cards"
    authentication = load_credential(directory / f"{name}.auth")
    if authentication is None:
        raise LookupError("The test cards have not been issued yet.")
    return Chip(NAMES[name], authentication, load_credential(directory / f"{name}.sign"))


def _pool_key(directory: Path, index: int) -> rsa.RSAPrivateKey:
    stem = directory / f"rsa{index}.key.pem"
    from sandbox.ca.authority import load_private, private_pem  # noqa: PLC0415

    if not stem.exists():
        write_private(stem, private_pem(new_key("rsa")))
    key = load_private(stem)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("The pool holds RSA keys.")
    return key


def people(state: Path, authority: TestAuthority, count: int, first: int = 0) -> Iterator[Chip]:
    """Cards of synthetic people, each with a serial of its own.

    Their keys come from a small pool: making an RSA key costs fifty times what a login does, and nothing in the
    protocol looks at whether two certificates share a key.
    """
    keys = [_pool_key(state / "ca" / "pool", index) for index in range(min(RSA_POOL, count))]
    generation: Generation = authority.generations[Kind.AUTH, 3]
    not_before = datetime.now(UTC).replace(microsecond=0) - timedelta(days=365)
    for index in range(first, first + count):
        person = synthetic(index)
        card = Card(f"person-{index}", person, "a synthetic person", "合成した人物", signature=False)
        key = keys[index % len(keys)]
        leaf = _authentication_leaf(card, FIRST_PERSON_SERIAL + index, not_before)
        yield Chip(card, Credential(key, generation.issue(leaf, key.public_key())), None)


__all__ = ["CARDS", "KIYOSE", "NAMES", "Card", "Chip", "PinBlockedError", "WrongPinError", "ensure", "load", "people"]
