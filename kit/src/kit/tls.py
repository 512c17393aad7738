"""The files of a TLS identity, contexts made of them, and noticing that they were renewed."""

import contextlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from kit.settings import ServiceSettings


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Where an internal identity lies: chain, key, and the authority that peers must come from."""

    certificate: Path
    key: Path
    ca: Path

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Return the internal identity of a service."""
        return cls(settings.tls_certificate, settings.tls_key, settings.tls_ca)


class FileWatch:
    """Notices that one of some files was replaced or rewritten, as certificate renewal does."""

    def __init__(self, *paths: Path) -> None:
        self._paths = paths
        self._seen = self._look()

    def changed(self) -> bool:
        """Return whether anything changed since this last returned true (or since the beginning)."""
        now = self._look()
        if now == self._seen or None in now:
            # A file that is absent is being replaced just now.
            return False
        self._seen = now
        return True

    def again(self) -> None:
        """Make the next `changed` true: what was seen could not be used, because only half of it was there."""
        self._seen = ()

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_fingerprint(path) for path in self._paths)


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    with contextlib.suppress(OSError):
        status = path.stat()
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None


def client_context(tls: TlsFiles) -> ssl.SSLContext:
    """Return a context with which a client proves its identity and trusts the internal authority only."""
    context = ssl.create_default_context(cafile=str(tls.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def public_server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a context for a public HTTPS server: TLS 1.2 or newer, HTTP/1.1, no client certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(certificate, key)
    return context


def reload(context: ssl.SSLContext, certificate: Path, key: Path) -> bool:
    """Give renewed files to a context that is in use; False if they do not fit together yet, and nothing changed."""
    try:
        # Tried apart first: a failure halfway would leave the live context with a certificate and no key to it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
        context.load_cert_chain(certificate, key)
    except (ssl.SSLError, OSError):
        return False
    return True
