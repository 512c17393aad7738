"""Registers the sandbox's relying parties beside those that a developer added: makes keys, writes the gateway's registry."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

SCOPES = ["openid", "name", "address", "birthdate", "gender"]
BENCH_REDIRECT_URI = "https://bench.shirushi.test/callback"
BENCH = "bench"


class RegistryUnreadable(Exception):
    """The client registry is there and cannot be read; what a developer wrote into it is not thrown away."""


def key_path(state: Path, name: str) -> Path:
    """Where a relying party keeps its private key (JWK)."""
    return state / "rp" / name / "key.jwk.json"


def load_key(state: Path, name: str) -> ECKey:
    """The ES256 key by which a relying party authenticates at the token endpoint."""
    return ECKey.import_key(json.loads(key_path(state, name).read_text()))


def ensure(state: Path, addresses: dict[str, Any]) -> Path:
    """Makes missing keys and writes `<state>/rp/clients.json`, the registry that the gateway reads; returns its path.

    Clients of other ids that stand in it stay as they are.

    Raises:
        RegistryUnreadable: the file that is there is no such registry.
    """
    clients = [
        _client(
            state,
            "city",
            {"ja": "しるし市 子育てアプリ", "en": "Shirushi City childcare app"},
            [f"{addresses['city']}/callback"],
            {"ja": "保護者の方の本人確認のため", "en": "To confirm who the parent is"},
            essential=["name"],
        ),
        _client(
            state,
            "bank",
            {"ja": "つきみ銀行", "en": "Tsukimi Bank"},
            [f"{addresses['bank']}/callback"],
            {"ja": "口座開設時の本人確認のため", "en": "To identify you when you open an account"},
            essential=["name", "address", "birthdate"],
        ),
        _client(
            state,
            BENCH,
            {"ja": "ベンチマーク", "en": "Benchmark"},
            [BENCH_REDIRECT_URI],
            {"ja": "負荷試験のため", "en": "To measure"},
        ),
    ]
    path = state / "rp" / "clients.json"
    clients += _added(path, {client["client_id"] for client in clients})
    content = json.dumps({"clients": clients}, ensure_ascii=False, indent=1)
    if not path.exists() or path.read_text() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".new")
        temporary.write_text(content)
        temporary.replace(path)
    return path


def _added(path: Path, ours: set[str]) -> list[Any]:
    """What a developer added: every entry but ours. A wrong one is left to the gateway, whose log names the rule."""
    if not path.exists():
        return []
    try:
        content = json.loads(path.read_text())
    except ValueError as error:
        raise RegistryUnreadable(f"{path} is not JSON ({error}): mend it, or remove it") from None
    entries = content.get("clients") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise RegistryUnreadable(f"{path} holds no list of clients: mend it, or remove it")
    return [entry for entry in entries if not (isinstance(entry, dict) and entry.get("client_id") in ours)]


def _client(
    state: Path,
    name: str,
    shown: dict[str, str],
    redirect_uris: list[str],
    purpose: dict[str, str],
    essential: Sequence[str] = (),
) -> dict[str, Any]:
    path = key_path(state, name)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        key = ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, private=True, auto_kid=True)
        path.write_text(json.dumps(key.as_dict(private=True)))
    return {
        "client_id": name,
        "name": shown,
        "redirect_uris": redirect_uris,
        "jwks": {"keys": [load_key(state, name).as_dict(private=False)]},
        # A sector of its own each: the host name, which is the default sector, is localhost for all of them.
        "sector_identifier": f"{name}.shirushi.test",
        "scopes": SCOPES,
        "essential": list(essential),
        "transports": ["app_link", "qr"],
        "typed_code": False,
        "purpose": purpose,
        "key_version": 1,
    }
