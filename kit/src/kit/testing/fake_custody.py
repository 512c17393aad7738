"""Custody without audit-purge: one in-memory keeper for all services of a test, with the real derivations."""

import hashlib
import os
import time
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from shirushi import rights
from shirushi.audit_purge.v1 import custody_pb2 as pb

from kit.clock import Clock, SystemClock
from kit.custody import Custody, Shares
from kit.errors import Unavailable
from kit.events import EventCodec
from kit.hour import EPOCHS_AN_HOUR, Hour
from kit.sealing import Sealer

SERVICES = tuple(rights.PRINCIPALS)


class FakeKeeper:
    """Hands out shares that hang together within one test; `away` makes it unavailable."""

    def __init__(self, hour: Hour, clock: Clock) -> None:
        self.hour = hour
        self.clock = clock
        self.chain_id = os.urandom(16)
        self.away = False
        self._root = os.urandom(32)
        self._directory: dict[tuple[str, int], pb.SealingKey] = {}

    def source(self, service: str) -> "FakeShareSource":
        """Returns what a service of this name would see."""
        return FakeShareSource(self, service)

    def shares(self, service: str, first: int, last: int) -> Shares:
        """Returns shares of the open epochs among those asked for."""
        self._check()
        now = self.hour.epoch_of(self.clock.now())
        opened = range(max(first, now - EPOCHS_AN_HOUR + 1), min(last, now + 15) + 1)
        return Shares(
            self.chain_id,
            {e: hashlib.sha256(self._root + service.encode() + e.to_bytes(4, "big")).digest() for e in opened},
        )

    def publish(self, keys: Sequence[pb.SealingKey]) -> None:
        """Keeps sealing keys."""
        self._check()
        for key in keys:
            self._directory[key.service, key.epoch] = key

    def sealing_keys(self, service: str, first: int, last: int) -> list[pb.SealingKey]:
        """Returns kept sealing keys."""
        self._check()
        return [key for e in range(first, last + 1) if (key := self._directory.get((service, e))) is not None]

    def _check(self) -> None:
        if self.away:
            raise Unavailable("the keeper is away")


class FakeShareSource:
    """A service's view of the fake keeper."""

    def __init__(self, keeper: FakeKeeper, service: str) -> None:
        self._keeper = keeper
        self._service = service

    async def shares(self, first_epoch: int, last_epoch: int) -> Shares:
        """See `kit.custody.ShareSource`."""
        return self._keeper.shares(self._service, first_epoch, last_epoch)

    async def publish(self, keys: Sequence[pb.SealingKey]) -> None:
        """See `kit.custody.ShareSource`."""
        self._keeper.publish(keys)

    async def sealing_keys(self, service: str, first_epoch: int, last_epoch: int) -> Sequence[pb.SealingKey]:
        """See `kit.custody.ShareSource`."""
        return self._keeper.sealing_keys(service, first_epoch, last_epoch)


class FakeDeployment:
    """Signing keys, custodies and codecs of all five services over one fake keeper.

    `await start()` fetches the first shares of every custody; after moving the clock call `await refresh()`.
    """

    def __init__(self, hour: Hour | None = None, clock: Clock | None = None, sealer: Sealer | None = None) -> None:
        self.hour = hour or Hour()
        self.clock = clock or SystemClock()
        self.keeper = FakeKeeper(self.hour, self.clock)
        self.signing_keys = {service: Ed25519PrivateKey.generate() for service in SERVICES}
        self.signers: dict[str, tuple[Ed25519PublicKey, ...]] = {
            service: (key.public_key(),) for service, key in self.signing_keys.items()
        }
        # A clock that stands still is to be believed; only beside the machine's own does time pass by itself.
        monotonic = time.monotonic if isinstance(self.clock, SystemClock) else lambda: 0.0
        receivers = {topic.receiver for topic in (*rights.TOPICS.values(), *rights.INNER.values()) if not topic.open}
        self.custodies = {
            service: Custody(
                service=service,
                secret=os.urandom(32),
                signing_key=self.signing_keys[service],
                signers=self.signers,
                hour=self.hour,
                clock=self.clock,
                source=self.keeper.source(service),
                receives=service in receivers,
                monotonic=monotonic,
            )
            for service in SERVICES
        }
        self.codecs = {
            service: EventCodec(
                service=service,
                signing_key=self.signing_keys[service],
                signers=self.signers,
                custody=custody,
                sealer=sealer,
            )
            for service, custody in self.custodies.items()
        }

    async def start(self) -> "FakeDeployment":
        """Fetches shares and publishes sealing keys of every service."""
        await self.refresh()
        return self

    async def refresh(self) -> None:
        """Does for every service what its refresh loop does."""
        for custody in self.custodies.values():
            await custody.refresh(whole=True)


async def fake_custody(service: str, hour: Hour | None = None, clock: Clock | None = None) -> Custody:
    """Returns one started custody, for tests that need no peer."""
    deployment = await FakeDeployment(hour, clock).start()
    return deployment.custodies[service]
