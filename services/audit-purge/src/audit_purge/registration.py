"""Being the one keeper: registers the chain before a share is handed out, and stops handing out when another took over.

While the registration cannot be renewed the keeper works on until its lease ends: from then on another one, whom the
database answers, may have registered a chain. A keeper whom another one replaced waits like one that starts: when the
other's lease runs out unrenewed its own chain, whose secrets it went on destroying, is registered again.
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

    async def register(self, chain_id: bytes, first_epoch: int, public: Commitment, *, at_once: bool) -> None:
        """Registers a chain; CONFLICT while another holds the lease.

        `at_once` replaces another chain of this instance without waiting for the end of its lease.
        """
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
        self._registered: bytes | None = None
        # Whether another chain took the registration. It may be of this instance's name: whoever started that one took
        # this process for dead. Each would replace the other's chain, and all keys with it, again and again.
        self._superseded = False
        self._renewing: asyncio.Task[None] | None = None
        health.ready(self.name, ok=False, why="not registered yet")

    def is_keeper(self) -> bool:
        """Whether this process holds the registered chain.

        The lease is looked at every time: a process that stood still may wake long after it, before it can renew it.
        """
        return self._registered == self._keeper.chain_id and self._monotonic() < self._lease_ends

    async def start(self) -> None:
        """Registers the chain.

        Raises:
            Unavailable: the database is away, or another keeper holds the registration.
        """
        try:
            await self._register()
        except ShirushiError as error:
            if error.code is Code.CONFLICT:
                raise Unavailable(error.public_text, reason=error.reason) from error
            raise
        self._renewing = asyncio.create_task(self._renew_forever(), name=self.name)

    async def stop(self) -> None:
        """Stops renewing; the lease runs out by itself, so that this instance can take it up again after a restart."""
        if self._renewing is not None:
            self._renewing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._renewing

    async def renew(self) -> None:
        """Renews once, or registers again when the registration was lost or the keeper began another chain.

        A refusal ends the handing out of shares at once, an absent database when the lease is over.
        """
        try:
            if self._registered == self._keeper.chain_id:
                await self._renew()
            else:
                await self._register()
        except Unavailable:
            log.warning("registration_not_renewed", reason="store_unavailable")
        except ShirushiError as error:
            if not self._superseded:
                log.error("registration_lost", reason=error.reason)  # noqa: TRY400 - an answer, not a crash
            self._superseded = True
            self._registered = None
        self._tell_readiness()

    async def _register(self) -> None:
        began, chain_id, first_epoch = self._monotonic(), self._keeper.chain_id, self._keeper.first_epoch
        public = self._keeper.commitments()[0]
        await self._registry.register(chain_id, first_epoch, public, at_once=not self._superseded)
        self._superseded = False
        self._registered = chain_id
        self._lease_ends = began + self._lease_seconds
        self._tell_readiness()
        log.info("chain_registered", chain_id=chain_id.hex(), first_epoch=first_epoch)

    async def _renew(self) -> None:
        began = self._monotonic()
        await self._registry.renew(self._keeper.chain_id)
        self._lease_ends = began + self._lease_seconds

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self.renew()
            except Exception:
                # Whatever it is, the loop goes on: nothing else brings the keeper back.
                log.exception("registration_not_renewed", reason="error")

    def _tell_readiness(self) -> None:
        self._health.ready(self.name, ok=self.is_keeper(), why="the chain is not registered")
