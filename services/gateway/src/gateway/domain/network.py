"""The asking browser's network as a keyed digest, which challenge compares with the phone's; the address is not kept."""

import hmac
import ipaddress

from kit.encoding import length_prefixed

_IPV4_PREFIX = 24
_IPV6_PREFIX = 56


def network_digest(address: str, key: bytes | None) -> bytes:
    """Returns HMAC-SHA256 of the address's /24 or /56; empty where there is no key or no IP address."""
    if key is None:
        return b""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return b""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    prefix = _IPV4_PREFIX if isinstance(parsed, ipaddress.IPv4Address) else _IPV6_PREFIX
    network = ipaddress.ip_network(f"{parsed}/{prefix}", strict=False)
    return hmac.digest(key, length_prefixed(b"shirushi network v1", str(network).encode("ascii")), "sha256")
