"""The network hint: does the phone ask from the network that the browser asked from?

Only a hint for the holder's eyes. Networks are compared as keyed digests of the /24 (IPv4) or /56 (IPv6) prefix.
"""

import hashlib
import hmac
import ipaddress
from enum import StrEnum

from kit.encoding import length_prefixed

_IPV4_VERSION = 4
_IPV4_PREFIX = 24
_IPV6_PREFIX = 56


class NetworkHint(StrEnum):
    """What the phone is told about the asking browser's network."""

    SAME = "same"
    DIFFERENT = "different"
    UNKNOWN = "unknown"


def network_digest(address: str, key: bytes) -> bytes:
    """Returns HMAC-SHA256 of the address's network in its usual notation, or nothing where it is no IP address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return b""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    length = _IPV4_PREFIX if parsed.version == _IPV4_VERSION else _IPV6_PREFIX
    # A scope id (fe80::1%eth0) is local to one machine and says nothing to another.
    bare = str(parsed).partition("%")[0]
    network = ipaddress.ip_network(f"{bare}/{length}", strict=False)
    return hmac.digest(key, length_prefixed(b"shirushi network v1", str(network).encode("ascii")), hashlib.sha256)


def compare_networks(browser_digest: bytes, phone_address: str, key: bytes) -> NetworkHint:
    """Compares the browser's network digest with the phone's address; either may be missing."""
    phone_digest = network_digest(phone_address, key)
    if not browser_digest or not phone_digest:
        return NetworkHint.UNKNOWN
    return NetworkHint.SAME if hmac.compare_digest(browser_digest, phone_digest) else NetworkHint.DIFFERENT
