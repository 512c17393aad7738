"""Being the one keeper: registers the chain before a share is handed out, and stops handing out when another took over.

While the registration cannot be renewed the keeper works on until its lease ends: from then on another one, whom the
database answers, may have registered a chain.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Protocol

from kit.errors import Code, ShirushiError, Unavailable
from kit.log import get_logger

from audit_purge.domain.keeper import Commitment, Keeper

RENEW_SECONDS = 10.0

log = get_logger()


class Registry(Protocol):
    """Where the one chain is registered."""

    async def register(self, chain_id: bytes, first_epoch: int, public: Commitment) -> None:
        """Registers a chain; CONFLICT while another instance holds the lease."""
        ...

    async def renew(self, chain_id: bytes) -> None:
        """Renews the lease; CONFLICT when another chain or instance took its place."""
        ...


class Readiness(Protocol):
    """The part of kit.management.Health that is used here."""

    def ready(self, name: str, ok: bool, why: str = "") -> None:
        """Says whether a condition of readiness holds."""
        ...


class Registration:
    """A part that holds the registration of the keeper's chain as long as it runs."""

    name = "registration"

    def __init__(
        self,
        keeper: Keeper,
        registry: Registry,
        health: Readiness,
        *,
        lease_seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keeper = keeper
        self._registry = registry
        self._health = health
        self._lease_seconds = lease_seconds
        self._monotonic = monotonic
        self._lease_ends = float("-inf")
        self._held = False
        self._renewing: asyncio.Task[None] | None = None
        health.ready(self.name, ok=False, why="not registered yet")

    def is_keeper(self) -> bool:
        """Whether this process holds the registered chain."""
        return self._held

    async def start(self) -> None:
        """Registers the chain.

        Raises:
            Unavailable: the database is away, or another keeper holds the registration.
        """
        began = self._monotonic()
        try:
            await self._registry.register(
                self._keeper.chain_id, self._keeper.first_epoch, self._keeper.commitments()[0]
            )
        except ShirushiError as error:
            if error.code is Code.CONFLICT:
                raise Unavailable(error.public_text, reason=error.reason) from error
            raise
        self._lease_ends = began + self._lease_seconds
        self._hold(held=True)
        log.info("chain_registered", chain_id=self._keeper.chain_id.hex(), first_epoch=self._keeper.first_epoch)
        self._renewing = asyncio.create_task(self._renew_forever(), name=self.name)

    async def stop(self) -> None:
        """Stops renewing; the lease runs out by itself, so that this instance can take it up again after a restart."""
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing

    async def renew(self) -> None:
        """Renews once: a refusal ends the handing out of shares at once, an absent database when the lease is over."""
        began = self._monotonic()
        try:
            await self._registry.renew(self._keeper.chain_id)
        except Unavailable:
            log.warning("registration_not_renewed", reason="store_unavailable")
            if self._monotonic() >= self._lease_ends:
                self._hold(held=False)
        except ShirushiError as error:
            if self._held:
                log.error("registration_lost", reason=error.reason)  # noqa: TRY400 - an answer, not a crash
            self._hold(held=False)
        else:
            self._lease_ends = began + self._lease_seconds
            self._hold(held=True)

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self.renew()

    def _hold(self, *, held: bool) -> None:
        self._held = held
        self._health.ready(self.name, ok=held, why="" if held else "another keeper holds the registration")
