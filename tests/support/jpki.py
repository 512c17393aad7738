"""A small certification authority of the JPKI profile in memory, and cards that a test may spoil in one point.

It stands on the sandbox's profile, so a leaf is wrong only where the test says so.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from sandbox.ca import profile, root
from sandbox.ca.authority import Credential, Generation, new_app_instance
from sandbox.ca.leaf import Leaf, assemble, build_leaf
from sandbox.ca.profile import Kind
from sandbox.cards import HANAKO, sign
from verifier.domain.certification_path import Authority, TrustAnchor, TrustAnchors
from verifier.domain.policies import profiles
from verifier.domain.verdict import Rules

NOW = datetime(2026, 11, 22, 3, 4, 30, tzinfo=UTC)
T0 = NOW.timestamp()
SERIAL = 0x07100001
# RFC 7633: features of TLS by number. `cryptography` knows two of them and raises a bare KeyError at any other.
UNKNOWN_TLS_FEATURE = x509.UnrecognizedExtension(
    x509.ObjectIdentifier("1.3.6.1.5.5.7.1.24"), bytes.fromhex("3003020101")
)
AUTHORITIES = {
    Kind.AUTH: Authority.USER_AUTHENTICATION,
    Kind.SIGN: Authority.SIGNATURE,
    Kind.PHONE: Authority.PHONE,
}


@cache
def key(algorithm="rsa", name=""):
    """A private key, made once a process; another `name` is another key."""
    if algorithm == "rsa-1024":
        return rsa.generate_private_key(65537, 1024)
    if algorithm == "rsa-e3":
        return rsa.generate_private_key(3, 2048)
    if algorithm == "rsa":
        return rsa.generate_private_key(65537, 2048)
    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    curves = {"p256": ec.SECP256R1, "p384": ec.SECP384R1, "p521": ec.SECP521R1, "k256": ec.SECP256K1}
    return ec.generate_private_key(curves[algorithm]())


@cache
def generation(kind=Kind.AUTH, number=1, algorithm="rsa", started_years_ago=3):
    """A root of a kind; all numbers share one name and have keys of their own."""
    private = key(algorithm, f"{kind} root {number}")
    certificate = root.build_root(
        kind, number, private, NOW.replace(year=NOW.year - started_years_ago, day=1, microsecond=0)
    )
    return Generation(kind, number, private, certificate)


@cache
def attestation_authority(name="trusted"):
    private = key("p256", f"attestation {name}")
    return Credential(private, root.build_attestation_root(private, NOW))


@cache
def app_instance(name="trusted"):
    return new_app_instance(attestation_authority(name), NOW)


@dataclass(frozen=True)
class Card:
    """A key with its certificate, and who issued it."""

    kind: Kind
    key: object
    certificate: x509.Certificate
    issuer: Generation

    @property
    def der(self):
        return self.certificate.public_bytes(Encoding.DER)

    def sign(self, message):
        return sign(self.key, message)


@dataclass(frozen=True)
class Wish:
    """What is to be issued; everything left out is as the profile says."""

    kind: Kind = Kind.AUTH
    number: int = 1
    issuer_algorithm: str = "rsa"
    algorithm: str = "rsa"
    serial: int = SERIAL
    not_before: datetime = NOW - timedelta(days=365)
    not_after: datetime = NOW + timedelta(days=365)
    policy: x509.ObjectIdentifier | None = None
    overrides: dict = field(default_factory=dict)
    extra: tuple = ()
    issuer: Generation | None = None
    # Issued by this generation while the issuer's name and key identifier stay as they are.
    signed_by: Generation | None = None


def issue(**wishes):
    """Issues a card; see `Wish`."""
    wish = Wish(**wishes)
    issuer = wish.issuer or generation(wish.kind, wish.number, wish.issuer_algorithm)
    signer = wish.signed_by or issuer
    private = key(wish.algorithm, f"{wish.kind} card")
    if wish.kind is Kind.SIGN:
        subject = profile.signature_subject("2025010112000000001", HANAKO.municipality)
    else:
        subject = profile.authentication_subject("ABCDEFGHIJ1234", HANAKO.municipality)
    leaf = Leaf(
        kind=wish.kind,
        subject=subject,
        serial=wish.serial,
        not_before=wish.not_before,
        not_after=wish.not_after,
        municipality=HANAKO.municipality,
        names=HANAKO.signature_names() if wish.kind is Kind.SIGN else None,
        policy=wish.policy,
        overrides=wish.overrides,
    )
    certificate = build_leaf(leaf, private.public_key(), issuer.certificate, signer.key)
    if wish.extra:
        certificate = with_extensions(certificate, signer, wish.extra)
    return Card(wish.kind, private, certificate, issuer)


def with_extensions(certificate, signer, extra):
    """The same certificate with further extensions at its end, signed anew."""
    return assemble(
        certificate.subject,
        certificate.issuer,
        certificate.serial_number,
        (certificate.not_valid_before_utc, certificate.not_valid_after_utc),
        certificate.public_key(),
        [(extension.value, extension.critical) for extension in certificate.extensions] + list(extra),
        signer.key,
    )


@cache
def good_card(kind=Kind.AUTH, algorithm="rsa", issuer_algorithm="rsa"):
    """A card with nothing wrong about it, made once."""
    return issue(kind=kind, algorithm=algorithm, issuer_algorithm=issuer_algorithm)


def anchors(*generations):
    """Trust anchors of these generations, or of one of each kind."""
    chosen = generations or (
        generation(Kind.AUTH),
        generation(Kind.AUTH, 2),
        generation(Kind.AUTH, 4, "p384"),
        generation(Kind.SIGN),
        generation(Kind.PHONE, 1, "p256"),
    )
    return TrustAnchors(TrustAnchor.of(each.certificate, AUTHORITIES[each.kind]) for each in chosen)


def attestation_anchors(name="trusted"):
    return TrustAnchors([TrustAnchor.of(attestation_authority(name).certificate, Authority.APP_ATTESTATION)])


def rules(*, test_mode=True, **replaced):
    """What the verifier of a test trusts: the roots of `anchors()`, the trusted attestation authority."""
    given = {
        "anchors": anchors(),
        "attestation_anchors": attestation_anchors(),
        "profiles": profiles(test_mode=test_mode),
    }
    return Rules(**(given | replaced))


def spoil(der, needle, replacement):
    """Replaces bytes in DER without re-signing; of the same length, so that it still parses."""
    assert len(needle) == len(replacement)
    assert needle in der
    return der.replace(needle, replacement, 1)
