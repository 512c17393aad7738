"""The network of an address as a keyed digest: two services can compare networks, and neither keeps an address."""

import hashlib
import hmac
import ipaddress

from kit.encoding import length_prefixed

_IPV4_PREFIX = 24
_IPV6_PREFIX = 56


def network_digest(address: str, key: bytes) -> bytes:
    """Returns HMAC-SHA256 of the address's /24 or /56 in its usual notation, or nothing where it is no IP address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return b""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    prefix = _IPV4_PREFIX if isinstance(parsed, ipaddress.IPv4Address) else _IPV6_PREFIX
    # A scope id (fe80::1%eth0) is local to one machine and says nothing to another.
    bare = str(parsed).partition("%")[0]
    network = ipaddress.ip_network(f"{bare}/{prefix}", strict=False)
    return hmac.digest(key, length_prefixed(b"shirushi network v1", str(network).encode("ascii")), hashlib.sha256)
