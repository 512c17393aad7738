"""What is registered of a relying party, and the rules that a registration keeps."""

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

CLIENT_ID = re.compile(r"[0-9a-zA-Z]{1,255}")
SCOPES = ("openid", "name", "address", "birthdate", "gender", "sign")
TRANSPORTS = ("app_link", "qr")
MAX_REDIRECT_URI = 255
# Both travel in the display sheet, which challenge takes up to a size.
MAX_TEXT = 200
# Host and port only: what stands here is shown to people and named in a content security policy.
_NETLOC = re.compile(r"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?", re.ASCII)
_PRINTABLE = re.compile(r"[\x21-\x7E]+", re.ASCII)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class RegistrationError(ValueError):
    """A registration breaks a rule; the text says which and of which client."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered relying party. `name` and `purpose` are by language, `ja` always there."""

    client_id: str
    name: dict[str, str]
    redirect_uris: tuple[str, ...]
    sector_identifier: str
    scopes: tuple[str, ...] = ("openid",)
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    transports: tuple[str, ...] = TRANSPORTS
    typed_code: bool = False
    purpose: dict[str, str] = field(default_factory=dict)
    key_version: int = 1
    # Attribute scopes without which a login is refused; the others are voluntary (OpenID Connect Core §5.5).
    essential: tuple[str, ...] = ()

    def shown_name(self, language: str) -> str:
        """Returns the name to show in a language, Japanese where there is none."""
        return self.name.get(language, self.name["ja"])

    def shown_purpose(self, language: str) -> str:
        """Returns the purpose to show in a language; empty where none is registered."""
        return self.purpose.get(language, self.purpose.get("ja", ""))


def client_from(registration: dict[str, Any]) -> Client:
    """Reads one registration.

    Raises:
        RegistrationError: naming the client and the rule.
    """
    if not isinstance(registration, dict):
        raise RegistrationError("a registration must be an object")
    client_id = str(registration.get("client_id", ""))
    if not CLIENT_ID.fullmatch(client_id):
        raise RegistrationError("client_id must be 1 to 255 letters and digits")
    try:
        client = Client(
            client_id=client_id,
            name=_texts(registration["name"]),
            redirect_uris=tuple(registration["redirect_uris"]),
            sector_identifier=str(registration.get("sector_identifier") or _sector_of(registration["redirect_uris"])),
            scopes=tuple(registration.get("scopes", ("openid",))),
            jwks=registration.get("jwks"),
            jwks_uri=registration.get("jwks_uri"),
            transports=tuple(registration.get("transports", TRANSPORTS)),
            typed_code=bool(registration.get("typed_code", False)),
            purpose=_texts(registration["purpose"]) if registration.get("purpose") else {},
            key_version=int(registration.get("key_version", 1)),
            essential=tuple(registration.get("essential", ())),
        )
        _check(client)
    except KeyError as error:
        raise RegistrationError(f"client {client_id}: needs {error}") from error
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise RegistrationError(f"client {client_id}: {error}") from error
    return client


def _check(client: Client) -> None:
    problems = {
        "needs at least one redirect_uri": bool(client.redirect_uris),
        "every redirect_uri must be absolute, of 255 characters at most, without fragment, https or a private scheme": all(
            _acceptable(uri) for uri in client.redirect_uris
        ),
        f"name and purpose must be of {MAX_TEXT} characters at most": all(
            len(text) <= MAX_TEXT for text in (*client.name.values(), *client.purpose.values())
        ),
        "jwks must be an object": client.jwks is None or isinstance(client.jwks, dict),
        "needs exactly one of jwks and jwks_uri": (client.jwks is None) != (client.jwks_uri is None),
        "jwks_uri must be https": client.jwks_uri is None or client.jwks_uri.startswith("https://"),
        "scopes must be among " + " ".join(SCOPES): set(client.scopes) <= set(SCOPES) and "openid" in client.scopes,
        "transports must be app_link, qr or both": bool(client.transports)
        and set(client.transports) <= set(TRANSPORTS),
        "name needs a text in ja": "ja" in client.name,
        "essential must be among the client's own attribute scopes": set(client.essential)
        <= set(client.scopes) - {"openid", "sign"},
        "key_version must be 1 or more": client.key_version >= 1,
    }
    for rule, holds in problems.items():
        if not holds:
            raise RegistrationError(rule)


def _acceptable(uri: str) -> bool:
    if not isinstance(uri, str) or len(uri) > MAX_REDIRECT_URI or "#" in uri:
        return False
    try:
        parts = urlsplit(uri)
        host = parts.hostname
    except ValueError:
        return False
    if not _PRINTABLE.fullmatch(uri):
        return False
    if parts.scheme in ("https", "http"):
        return bool(_NETLOC.fullmatch(parts.netloc)) and (parts.scheme == "https" or host in _LOOPBACK)
    # RFC 8252 §7.1: a private-use scheme is a domain name in reverse order.
    return "." in parts.scheme


def _sector_of(redirect_uris: list[str]) -> str:
    hosts = {urlsplit(uri).hostname for uri in redirect_uris}
    if len(hosts) != 1 or None in hosts:
        # OpenID Connect Core §8.1: with several hosts the sector must be registered.
        raise RegistrationError("sector_identifier is needed when redirect URIs have several hosts")
    return str(hosts.pop())


def _texts(value: Any) -> dict[str, str]:
    texts = {"ja": value} if isinstance(value, str) else dict(value)
    return {str(language): str(text) for language, text in texts.items()}
