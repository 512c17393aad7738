"""The network hint: does the phone ask from the network that the browser asked from?

Only a hint for the holder's eyes. Networks are compared as keyed digests, the browser's made by the gateway.
"""

import hmac
from enum import StrEnum

from kit.network import network_digest


class NetworkHint(StrEnum):
    """What the phone is told about the asking browser's network."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


def compare_networks(browser_digest: bytes, phone_address: str, key: bytes) -> NetworkHint:
    """Compares the browser's network digest with the phone's address; either may be missing."""
    phone_digest = network_digest(phone_address, key)
    if not browser_digest or not phone_digest:
        return NetworkHint.UNKNOWN
    return NetworkHint.SAME if hmac.compare_digest(browser_digest, phone_digest) else NetworkHint.DIFFERENT
