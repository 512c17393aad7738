import hashlib

import pytest
from audit_purge.domain.ratchet import commitment_to, next_secret, share_of, wipe
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SECRET = bytes(range(32))


def _hkdf(label: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=label).derive(SECRET)


def test_derivations_are_the_design_s():
    assert bytes(next_secret(bytearray(SECRET))) == _hkdf(b"ratchet")
    assert share_of(bytearray(SECRET), "gateway") == _hkdf(b"sharegateway")
    assert commitment_to(bytearray(SECRET)) == hashlib.sha256(_hkdf(b"commit")).digest()


def test_derivations_are_pinned():
    """A keeper of another version must continue the chain: these values may never change."""
    assert next_secret(bytearray(SECRET)).hex() == "c38dbffb6e54356cd2dfc0bcac118334b68e1bb57a6975bf6625d66e64f2bdd4"
    assert (
        share_of(bytearray(SECRET), "verifier").hex()
        == "50531f7891621de6ab8e2f245dfcbf8cb2b0dc2004cc58bf269f8e2b34dc03b6"
    )
    assert commitment_to(bytearray(SECRET)).hex() == "8e82e821ca83a287fcb0b4b0aff78fbec99c374016807dd4a2bfe9799e4e76b2"


def test_services_and_labels_do_not_share_a_value():
    secret = bytearray(SECRET)
    values = {share_of(secret, service) for service in ("gateway", "verifier", "pseudonym", "challenge")}
    values |= {bytes(next_secret(secret)), commitment_to(secret), bytes(secret)}
    assert len(values) == 7


@pytest.mark.parametrize("derive", [next_secret, commitment_to, lambda secret: share_of(secret, "gateway")])
def test_deriving_leaves_the_secret_as_it_was(derive):
    secret = bytearray(SECRET)
    derive(secret)
    assert secret == SECRET


def test_a_wiped_secret_is_overwritten_in_place():
    secret = bytearray(SECRET)
    view = memoryview(secret)
    wipe(secret)
    assert bytes(view) == bytes(32)
