"""A sealer that seals nothing and a store box that hides nothing: with them the reading test must go red."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from kit.sealing import Sealer, SealingPrivateKey

_FOR_GOOD = ExitStack()


class NullSealer(Sealer):
    """Lets payloads travel as they are; signatures still hold."""

    def seal(self, plaintext: bytes, public_key: bytes, info: bytes) -> bytes:
        """Returns the plaintext."""
        del public_key, info
        return plaintext

    def open_(self, ciphertext: bytes, private_key: SealingPrivateKey, info: bytes) -> bytes:
        """Returns what it was given."""
        del private_key, info
        return ciphertext


def _identity(_key: bytes, content: bytes, _place: bytes) -> bytes:
    return content


@contextmanager
def null_sealer() -> Iterator[NullSealer]:
    """Makes sealing the identity for as long as it is entered: HPKE everywhere in this process, and sealed documents.

    Everything that seals in this process is concerned, whether it was made before or inside.
    """
    null = NullSealer()
    with (
        patch.object(Sealer, "seal", NullSealer.seal),
        patch.object(Sealer, "open_", NullSealer.open_),
        patch("kit.store.collection.seal_content", _identity),
        patch("kit.store.collection.open_content", _identity),
        patch("kit.testing.fake_store.seal_content", _identity),
        patch("kit.testing.fake_store.open_content", _identity),
    ):
        yield null


def install() -> None:
    """Does the same for the rest of this process, for a service that a test starts with its sealing taken out."""
    # Held on to: a context that nobody holds ends, and everything would be sealed again.
    _FOR_GOOD.enter_context(null_sealer())
