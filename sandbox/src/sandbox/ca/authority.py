"""The test authority on disk: roots of every generation, OCSP responders, attestation; made once and loaded afterwards."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sandbox.ca import profile, root
from sandbox.ca.leaf import Leaf, PrivateKey, PublicKey, build_leaf
from sandbox.ca.profile import Kind

# How long ago each generation began. All of them are alive, as they are in operation: a card is valid for years.
GENERATION_AGES = {Kind.AUTH: (9, 6, 2, 1), Kind.SIGN: (9, 6, 2, 1), Kind.PHONE: (2,)}
NEXT_GENERATION = 4
RENEW_BEFORE = timedelta(days=14)


@dataclass(frozen=True)
class Generation:
    """One root key of an authority; `number` counts from 1."""

    kind: Kind
    number: int
    key: PrivateKey
    certificate: x509.Certificate

    def issue(self, leaf: Leaf, public_key: PublicKey) -> x509.Certificate:
        """Issues a leaf under this generation."""
        return build_leaf(leaf, public_key, self.certificate, self.key)


@dataclass(frozen=True)
class Credential:
    """A private key and its certificate."""

    key: PrivateKey
    certificate: x509.Certificate


@dataclass(frozen=True)
class TestAuthority:
    """Everything that can be issued in the sandbox."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    generations: dict[tuple[Kind, int], Generation]
    attestation: Credential
    app_instance: Credential
    directory: Path

    def responder(self, generation: Generation, algorithm: str = "p256") -> Credential:
        """The delegated OCSP responder of a generation, `p256` for speed or `rsa` as J-LIS has it; renewed in time."""
        stem = self.directory / generation.kind / f"gen{generation.number}-ocsp-{algorithm}"
        now = datetime.now(UTC)
        stored = load_credential(stem)
        if stored is not None and stored.certificate.not_valid_after_utc - now > RENEW_BEFORE:
            return stored
        key = new_key(algorithm)
        certificate = root.build_responder(
            generation.kind, generation.number, key.public_key(), generation.certificate, generation.key, now
        )
        return save_credential(stem, Credential(key, certificate))


def new_key(algorithm: str) -> PrivateKey:
    """A fresh key: `rsa` (2048 bits, e = 65537), `p256` or `p384`."""
    if algorithm == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP384R1() if algorithm == "p384" else ec.SECP256R1())


def write_private(path: Path, content: bytes) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(path.suffix + ".new")
    temporary.touch(mode=0o600)
    temporary.write_bytes(content)
    temporary.replace(path)


def private_pem(key: PrivateKey) -> bytes:
    """Unencrypted PKCS#8: test material."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_private(path: Path) -> PrivateKey:
    """Reads an RSA or elliptic-curve key written by `private_pem`."""
    key = serialization.load_pem_private_key(path.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise TypeError("Only RSA and elliptic-curve keys are used here.")
    return key


def save_credential(stem: Path, credential: Credential) -> Credential:
    """Writes `<stem>.key.pem` and `<stem>.pem`; the certificate last, as it is what `load_credential` looks for."""
    write_private(Path(f"{stem}.key.pem"), private_pem(credential.key))
    write_private(Path(f"{stem}.pem"), credential.certificate.public_bytes(serialization.Encoding.PEM))
    return credential


def load_credential(stem: Path) -> Credential | None:
    """Reads what `save_credential` wrote; None if there is nothing."""
    certificate = Path(f"{stem}.pem")
    if not certificate.exists():
        return None
    return Credential(load_private(Path(f"{stem}.key.pem")), x509.load_pem_x509_certificate(certificate.read_bytes()))


def _generation(directory: Path, kind: Kind, number: int, now: datetime) -> Generation:
    stem = directory / kind / f"gen{number}"
    stored = load_credential(stem)
    if stored is None:
        age = GENERATION_AGES[kind][number - 1]
        # The first of the month exists in every year, unlike today's date.
        not_before = now.replace(year=now.year - age, day=1, hour=3, minute=0, second=0, microsecond=0)
        algorithm = "p384" if number == NEXT_GENERATION else "p256" if kind is Kind.PHONE else "rsa"
        key = new_key(algorithm)
        serial = profile.ROOT_SERIALS[kind][number - 1]
        stored = save_credential(stem, Credential(key, root.build_root(kind, serial, key, not_before)))
    return Generation(kind, number, stored.key, stored.certificate)


def _attestation(directory: Path, now: datetime) -> Credential:
    stored = load_credential(directory / "attestation")
    if stored is not None:
        return stored
    key = ec.generate_private_key(ec.SECP256R1())
    return save_credential(directory / "attestation", Credential(key, root.build_attestation_root(key, now)))


def _app_instance(directory: Path, attestation: Credential, now: datetime) -> Credential:
    stored = load_credential(directory / "app-instance")
    if stored is not None and stored.certificate.not_valid_after_utc - now > RENEW_BEFORE:
        return stored
    return save_credential(directory / "app-instance", new_app_instance(attestation, now))


def new_app_instance(attestation: Credential, now: datetime, *, days: int = 365) -> Credential:
    """A fresh app instance under the attestation authority."""
    if not isinstance(attestation.key, ec.EllipticCurvePrivateKey):
        raise TypeError("The attestation authority has an elliptic-curve key.")
    key = ec.generate_private_key(ec.SECP256R1())
    validity = (now - timedelta(hours=1), now + timedelta(days=days))
    certificate = root.build_app_instance(key.public_key(), attestation.certificate, attestation.key, validity)
    return Credential(key, certificate)


def ensure(state: Path) -> TestAuthority:
    """Makes or loads the authority in `<state>/ca` and writes what verifiers trust to `<state>/trust`.

    `trust/{auth,sign,phone}/gen<n>.pem` are the roots, `trust/attestation/root.pem` vouches for app instances.
    """
    directory, now = state / "ca", datetime.now(UTC)
    generations = {
        (kind, number): _generation(directory, kind, number, now)
        for kind, ages in GENERATION_AGES.items()
        for number in range(1, len(ages) + 1)
    }
    attestation = _attestation(directory, now)
    authority = TestAuthority(generations, attestation, _app_instance(directory, attestation, now), directory)
    for (kind, number), generation in generations.items():
        _publish(state / "trust" / kind / f"gen{number}.pem", generation.certificate)
    _publish(state / "trust" / "attestation" / "root.pem", attestation.certificate)
    return authority


def _publish(path: Path, certificate: x509.Certificate) -> None:
    content = certificate.public_bytes(serialization.Encoding.PEM)
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
