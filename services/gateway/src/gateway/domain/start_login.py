"""An accepted authorization request becomes a login: challenge issued, stored, published, then shown."""

from collections.abc import Callable
from dataclasses import dataclass

from kit.clock import Clock
from kit.encoding import b64u
from kit.hour import Hour

from gateway.domain.authorization_request import AuthorizationRequest
from gateway.domain.binding import ShownRequest
from gateway.domain.client import Client
from gateway.domain.display_sheet import sealed_sheet
from gateway.domain.login import Login, digest
from gateway.domain.opaque_token import LOGIN_ID_BYTES, SECRET_BYTES, TokenKeys, seal_token
from gateway.domain.ports import Challenges, Facts, Logins, Stored
from gateway.domain.qr import link, link_token
from gateway.domain.redirect_uri import shown_origin
from gateway.domain.sector import sector_commitment, sector_label
from gateway.domain.typed_code import typed_code

BLIND_BYTES = 32
SHEET_KEY_BYTES = 32
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
    """What the login page and the cookie are made of."""

    stored: Stored
    page: str
    qr: str | None
    app_link: str | None
    cookie_secret: bytes


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
        secret = self.random(SECRET_BYTES)
        commitment_blind = self.random(BLIND_BYTES)
        shown = ShownRequest(
            client_id=client.client_id,
            rp_name=client.shown_name(language),
            origin=shown_origin(request.redirect_uri),
            purpose=client.shown_purpose(language),
            # Claims asked by scope are voluntary (OpenID Connect Core §5.5): the holder may withhold any.
            asked=tuple((name, False) for name in request.attributes),
            blind=self.random(BLIND_BYTES),
            sector_commitment=sector_commitment(
                sector_label(self.sector_key, client.sector_identifier), commitment_blind
            ),
        )
        sheet_keys = {transport: self.random(SHEET_KEY_BYTES) for transport in client.transports}
        sheets = {
            transport: self._sheet(shown, transport, key, login_id, epoch, client, browser)
            for transport, key in sheet_keys.items()
        }
        issued = await self.challenges.issue(
            login_id,
            epoch,
            sheets,
            now + self.hour.minutes(5),
            self.hour.epoch_start(epoch) + self.hour.minutes(50),
            browser.network,
        )
        app_link = ""
        if "app_link" in sheet_keys:
            app_link = link(
                self.app_link_base, link_token(issued.handle, issued.link_secret), sheet_keys["app_link"]
            )
        login = Login(
            client_id=client.client_id,
            redirect_uri=request.redirect_uri,
            scopes=request.scopes,
            state=request.state,
            nonce=request.nonce,
            code_challenge=request.code_challenge,
            language=language,
            requested_at=now,
            cookie_digest=digest(secret),
            shown=shown,
            commitment_blind=commitment_blind,
            app_link=app_link,
        )
        due_at = now + self.hour.minutes(5 + EXPIRY_GRACE_MINUTES)
        stored = await self.logins.add(login_id, epoch, login, due_at=due_at)
        await self.facts.requested(stored)
        qr = None
        if "qr" in sheet_keys:
            payload = issued.handle + issued.qr_secret + sheet_keys["qr"]
            qr = seal_token(self.keys, "qr", epoch, login_id, payload)
        page = seal_token(self.keys, "page", epoch, login_id, b"")
        return StartedLogin(stored, page, qr, app_link or None, secret)

    def _sheet(
        self,
        shown: ShownRequest,
        transport: str,
        key: bytes,
        login_id: bytes,
        epoch: int,
        client: Client,
        browser: AskingBrowser,
    ) -> bytes:
        way_back = ""
        code = ""
        if transport == "app_link":
            way_back = f"{self.return_base}?c={seal_token(self.keys, 'return', epoch, login_id, b'')}"
        elif client.typed_code:
            code = typed_code(self.keys.token_key(epoch), login_id)
        return sealed_sheet(
            shown, transport, key, browser=(browser.family, browser.system), return_uri=way_back, typed_code=code
        )


def cookie_name(login_id: bytes) -> str:
    """Returns the name of a login's cookie; `__Host-` ties it to this host, to HTTPS and to the root path."""
    return f"__Host-login-{b64u(digest(login_id)[:6])}"
