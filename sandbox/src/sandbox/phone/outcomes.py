"""What the tester lets happen at the phone: the right thing, a card that gives up, or evidence that is spoilt."""

from dataclasses import dataclass

from shirushi.evidence.v1 import evidence_pb2 as pb

from sandbox.phone.client import Tamper


def _break_signature(evidence: pb.Evidence) -> None:
    value = evidence.signatures[0].value
    evidence.signatures[0].value = value[:-1] + bytes([value[-1] ^ 1])


def _break_attestation(evidence: pb.Evidence) -> None:
    evidence.attestation.signature = bytes(64)


@dataclass(frozen=True)
class Outcome:
    """One choice: either the reason with which the app cancels, or how the evidence is spoilt, or neither."""

    name: str
    text: tuple[str, str]
    cancel: str | None = None
    tamper: Tamper | None = None


OUTCOMES = (
    Outcome("ok", ("通常どおり", "As it should be")),
    Outcome("card_unreadable", ("カードを読み取れない", "The card cannot be read"), cancel="card_unreadable"),
    Outcome("not_mine", ("心当たりがないと答える", "“This is not me”"), cancel="not_mine"),
    Outcome("pin_locked", ("暗証番号がロックされる", "The PIN gets locked"), cancel="pin_locked"),
    Outcome("bad_signature", ("署名が正しくない", "The signature is wrong"), tamper=_break_signature),
    Outcome("bad_attestation", ("アプリの証明が正しくない", "The app is not genuine"), tamper=_break_attestation),
)
BY_NAME = {outcome.name: outcome for outcome in OUTCOMES}
