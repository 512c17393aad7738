"""An accepted authorization request becomes a login: challenge issued, stored, published, then shown."""

from collections.abc import Callable
from dataclasses import dataclass

from kit.clock import Clock
from kit.hour import Hour

from gateway.domain.authorization_request import AuthorizationRequest
from gateway.domain.binding import ShownRequest
from gateway.domain.client import Client
from gateway.domain.display_sheet import sealed_sheet
from gateway.domain.login import Login
from gateway.domain.opaque_token import LOGIN_ID_BYTES, TokenKeys, seal_token
from gateway.domain.ports import Challenges, Facts, Logins, Stored
from gateway.domain.qr import QrSource, link, link_token
from gateway.domain.redirect_uri import shown_origin
from gateway.domain.sector import sector_commitment, sector_label
from gateway.domain.typed_code import typed_code

BLIND_BYTES = 32
SHEET_KEY_BYTES = 32
CHALLENGE_MINUTES = 5
VERDICT_DUE_MINUTES = 50
# An answer on its way when the challenge expires gets this long before the sweeper asks.
EXPIRY_GRACE_MINUTES = 0.1


@dataclass(frozen=True, slots=True)
class AskingBrowser:
    """What is used of the browser that asks, once and not kept: family, system, and a keyed digest of its network."""

    family: str
    system: str
    network: bytes


@dataclass(frozen=True, slots=True)
class StartedLogin:
    """A login that is stored and published, and the token of its page."""

    stored: Stored
    page: str


@dataclass(frozen=True, slots=True)
class LoginStarter:
    """Starts logins over its ports."""

    logins: Logins
    challenges: Challenges
    facts: Facts
    keys: TokenKeys
    sector_key: bytes
    app_link_base: str
    return_base: str
    clock: Clock
    hour: Hour
    random: Callable[[int], bytes]

    async def start(
        self, request: AuthorizationRequest, client: Client, language: str, browser: AskingBrowser
    ) -> StartedLogin:
        """Starts a login; T0 is now.

        Raises:
            Unavailable: challenge, database or bus are away; nothing was promised.
        """
        now = self.clock.now()
        epoch = self.hour.epoch_of(now)
        login_id = self.random(LOGIN_ID_BYTES)
        commitment_blind = self.random(BLIND_BYTES)
        shown = self._shown(request, client, language, commitment_blind)
        sheet_keys = {transport: self.random(SHEET_KEY_BYTES) for transport in client.transports}
        sheets = {
            transport: sealed_sheet(
                shown,
                transport,
                key,
                browser=(browser.family, browser.system),
                **self._ways_back(transport, client, epoch, login_id),
            )
            for transport, key in sheet_keys.items()
        }
        issued = await self.challenges.issue(
            login_id,
            epoch,
            sheets=sheets,
            expires_at=now + self.hour.minutes(CHALLENGE_MINUTES),
            verdict_due_at=self.hour.epoch_start(epoch) + self.hour.minutes(VERDICT_DUE_MINUTES),
            network=browser.network,
        )
        app_link = ""
        if "app_link" in sheet_keys:
            app_link = link(self.app_link_base, link_token(issued.handle, issued.link_secret), sheet_keys["app_link"])
        login = Login(
            client_id=client.client_id,
            redirect_uri=request.redirect_uri,
            scopes=request.scopes,
            state=request.state,
            nonce=request.nonce,
            code_challenge=request.code_challenge,
            language=language,
            requested_at=now,
            shown=shown,
            commitment_blind=commitment_blind,
            app_link=app_link,
            transports=client.transports,
        )
        due_at = now + self.hour.minutes(CHALLENGE_MINUTES + EXPIRY_GRACE_MINUTES)
        stored = await self.logins.add(login_id, epoch, login, due_at=due_at)
        await self.facts.requested(stored)
        qr = b""
        if "qr" in sheet_keys:
            # In the page's own address, sealed: the frame is drawn every few seconds and reads no store for it.
            qr = QrSource(issued.handle, issued.qr_secret, sheet_keys["qr"]).packed()
        return StartedLogin(stored, seal_token(self.keys, "page", epoch, login_id, qr))

    def _shown(
        self, request: AuthorizationRequest, client: Client, language: str, commitment_blind: bytes
    ) -> ShownRequest:
        label = sector_label(self.sector_key, client.sector_identifier)
        return ShownRequest(
            client_id=client.client_id,
            rp_name=client.shown_name(language),
            origin=shown_origin(request.redirect_uri),
            purpose=client.shown_purpose(language),
            # Claims asked by scope are voluntary (OpenID Connect Core §5.5) unless the client is registered otherwise.
            asked=tuple((name, name in client.essential) for name in request.attributes),
            blind=self.random(BLIND_BYTES),
            sector_commitment=sector_commitment(label, commitment_blind),
        )

    def _ways_back(self, transport: str, client: Client, epoch: int, login_id: bytes) -> dict[str, str]:
        """Returns what of a sheet leads the holder back to the waiting browser."""
        if transport == "app_link":
            return {"return_uri": f"{self.return_base}?c={seal_token(self.keys, 'return', epoch, login_id, b'')}"}
        if client.typed_code:
            return {"typed_code": typed_code(self.keys.token_key(epoch), login_id)}
        return {}
