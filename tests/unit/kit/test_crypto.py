import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from kit.crypto import SignatureInvalid, hkdf, load_signing_key, public_bytes, sign, verify


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_hkdf_is_rfc_5869():
    # RFC 5869 appendix A.1.
    okm = hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert okm.hex() == "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert len(hkdf(b"k", b"", b"label")) == 32


def test_one_of_several_keys_is_enough():
    old, new, other = (Ed25519PrivateKey.generate() for _ in range(3))
    keys = (old.public_key(), new.public_key())
    verify(keys, sign(new, b"message"), b"message")
    verify(keys, sign(old, b"message"), b"message")
    for signature, message in [(sign(other, b"message"), b"message"), (sign(new, b"message"), b"massage"), (b"", b"")]:
        with pytest.raises(SignatureInvalid):
            verify(keys, signature, message)
    with pytest.raises(SignatureInvalid):
        verify((), sign(new, b"message"), b"message")


def test_a_signing_key_is_ed25519_and_nothing_else(tmp_path):
    path = tmp_path / "key.pem"
    key = Ed25519PrivateKey.generate()
    path.write_bytes(pem(key))
    assert public_bytes(load_signing_key(path)) == public_bytes(key)
    for content in (pem(generate_private_key(SECP256R1())), b"secret nonsense", b""):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"key\.pem") as refused:
            load_signing_key(path)
        assert "nonsense" not in str(refused.value)
