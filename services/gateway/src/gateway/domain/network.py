"""The asking browser's network as a keyed digest, which challenge compares with the phone's; the address is not kept."""

from kit import network


def network_digest(address: str, key: bytes | None) -> bytes:
    """Returns the digest of the address's network; empty where there is no key or no IP address."""
    return b"" if key is None else network.network_digest(address, key)
