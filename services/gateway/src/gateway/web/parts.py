"""What the routes stand on, handed in by the composition in `gateway.app`."""

from dataclasses import dataclass

from kit.clock import Clock
from kit.hour import Hour

from gateway.assertion_keys import AssertionKeys
from gateway.clients import ClientRegistry
from gateway.domain.collect import Collector
from gateway.domain.opaque_token import TokenKeys
from gateway.domain.ports import Challenges, Logins
from gateway.domain.redeem import Redeemer
from gateway.domain.start_login import LoginStarter
from gateway.domain.verdicts import Verdicts
from gateway.id_tokens import IdTokenKeys
from gateway.store import AssertionIds
from gateway.waiting import WaitingBrowsers

BASE = "/api/realms/main"
OIDC = f"{BASE}/protocol/openid-connect"


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that a route may need."""

    issuer: str
    origin: str
    # Where the simulated phone opens links as a plain page; None outside the sandbox.
    test_card_url: str | None
    network_key: bytes | None
    forwarded_hops: int
    qr_step_seconds: float
    clock: Clock
    hour: Hour
    keys: TokenKeys
    clients: ClientRegistry
    logins: Logins
    challenges: Challenges
    starter: LoginStarter
    collector: Collector
    redeemer: Redeemer
    verdicts: Verdicts
    waiting: WaitingBrowsers
    assertion_keys: AssertionKeys
    assertion_ids: AssertionIds
    id_tokens: IdTokenKeys
