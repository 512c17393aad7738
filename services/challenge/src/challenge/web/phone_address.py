"""Where a request comes from: the connection's peer, or what the trusted proxies in front say."""

from starlette.requests import Request

_MAX_HEADER_CHARACTERS = 1024


def phone_address(request: Request, forwarded_hops: int) -> str:
    """Return the phone's address as text, possibly empty or nonsense: it serves a hint only and is never kept.

    Each proxy appends the address that it saw to X-Forwarded-For, so with n trusted proxies the n-th entry from the
    right is the last one that a stranger could not have written.
    """
    if forwarded_hops == 0:
        return request.client.host if request.client else ""
    line = ",".join(request.headers.getlist("x-forwarded-for"))
    if len(line) > _MAX_HEADER_CHARACTERS:
        return ""
    entries = [entry.strip() for entry in line.split(",")]
    return entries[-forwarded_hops] if len(entries) >= forwarded_hops else ""
