"""Decides the handle of a root subject: the same card gives the same handle, and nobody without the key can compute it."""

import hashlib
import hmac

from kit.encoding import length_prefixed

LABEL = b"shirushi subject handle v1"
KEY_BYTES = 32


class SubjectHandles:
    """Computes handles for one environment; the only place that holds the handle key."""

    def __init__(self, key: bytes, *, test_mode: bool) -> None:
        """Takes the 32-byte handle key.

        Raises:
            ValueError: for a key of another length.
        """
        if len(key) != KEY_BYTES:
            raise ValueError(f"the handle key is not {KEY_BYTES} bytes")
        self._key = key
        # A test card never has the handle of a real one, also under one key.
        self._environment = b"test" if test_mode else b"production"

    def handle(self, root_key_identifier: bytes, serial: int) -> bytes:
        """Returns the 32-byte handle of a certificate: HMAC-SHA256 over environment, root's key identifier and serial.

        The certificate's bytes stay out of it: DER is malleable, issuer and serial are not.
        """
        number = serial.to_bytes((serial.bit_length() + 7) // 8, "big")
        return hmac.digest(
            self._key, length_prefixed(LABEL, self._environment, root_key_identifier, number), hashlib.sha256
        )
