"""Deadline keys of a service: derived from audit-purge's share and the service's own secret, dropped on time by itself.

Two of two: the shares alone open nothing, and neither does the service's secret once the share is destroyed. A service
asks for shares ahead, so it works on for a quarter of an hour while audit-purge is away. Where its clock turns out to be
wrong, or to have been wrong, it destroys all keys, and takes new ones when audit-purge's time agrees with its own.
"""

import asyncio
import contextlib
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from shirushi.audit_purge.v1 import custody_pb2 as pb

from kit import crypto
from kit.clock import Clock, LatestTime
from kit.encoding import length_prefixed
from kit.errors import Unavailable
from kit.hour import CLOCK_BEHIND_MINUTES, EPOCHS_AN_HOUR, Hour
from kit.log import get_logger
from kit.sealing import PUBLIC_KEY_BYTES, SEED_BYTES, SealingPrivateKey, derive_key_pair

AHEAD_EPOCHS = 15
# After a peer's key could not be had, callers are refused at once for so long: each would wait for a time-out in turn.
MISSING_PEER_SECONDS = 0.3
# How much further than by the own clock audit-purge may be, after that clock was wrong: two right ones may fall on two
# sides of an epoch's beginning.
APART_EPOCHS = 1
_log = get_logger()


class KeyGone(Exception):
    """The key of an epoch does not exist any more: what it sealed is forgotten, for ever."""


@dataclass(frozen=True, slots=True, repr=False)
class Shares:
    """A service's shares (epoch to 32 bytes) and the chain that they belong to."""

    chain_id: bytes
    by_epoch: dict[int, bytes]


class ShareSource(Protocol):
    """Where shares and the peers' sealing keys come from: audit-purge, over RPC or in its own process."""

    async def shares(self, first_epoch: int, last_epoch: int) -> Shares:
        """Returns the caller's shares of the open epochs among those asked for; raises Unavailable."""
        ...

    async def publish(self, keys: Sequence[pb.SealingKey]) -> None:
        """Publishes the caller's own sealing public keys; raises Unavailable."""
        ...

    async def sealing_keys(self, service: str, first_epoch: int, last_epoch: int) -> Sequence[pb.SealingKey]:
        """Returns what is published of a service's sealing keys; raises Unavailable."""
        ...


@dataclass(slots=True, repr=False)
class _EpochKeys:
    chain_id: bytes
    state_key: bytes
    token_key: bytes
    sealing_seed: bytes
    pair: SealingPrivateKey | None = field(default=None)


def sealing_statement_message(service: str, epoch: int, chain_id: bytes, public_key: bytes) -> bytes:
    """Returns what a service signs to publish a sealing key."""
    return length_prefixed(b"shirushi sealing key v1", service.encode(), struct.pack(">I", epoch), chain_id, public_key)


class Custody:
    """Holds the open epochs' keys; a runtime part that refreshes them.

    Args:
        service: principal name of the holder.
        secret: the service's own half, 32 bytes.
        signing_key: signs the published sealing keys.
        signers: Ed25519 public keys by principal, to check the peers' sealing keys.
        hour: the hour that the deployment lives by.
        clock: the time.
        source: audit-purge.
        receives: whether anybody seals to this service, so that its keys are published.
        monotonic: seconds that no clock correction moves; keys die by whichever of the two is ahead.
    """

    name = "custody"

    def __init__(
        self,
        *,
        service: str,
        secret: bytes,
        signing_key: Ed25519PrivateKey,
        signers: dict[str, tuple[Ed25519PublicKey, ...]],
        hour: Hour,
        clock: Clock,
        source: ShareSource,
        receives: bool,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.service = service
        self.hour = hour
        self.clock = clock
        self._secret = secret
        self._signing_key = signing_key
        self._signers = signers
        self._source = source
        self._receives = receives
        self._monotonic = monotonic
        self._time = LatestTime(clock, monotonic)
        # Whether the clock was wrong, and nobody has confirmed it since.
        self._clock_in_doubt = False
        self._chain_id: bytes | None = None
        self._keys: dict[int, _EpochKeys] = {}
        self._published: dict[int, bytes] = {}
        self._peers: dict[tuple[str, int], pb.SealingKey] = {}
        self._asked: set[str] = set()
        self._fetching: dict[str, asyncio.Lock] = {}
        self._missing_until: dict[tuple[str, int], float] = {}
        self._loops: list[asyncio.Task[None]] = []
        self._emptied = asyncio.Event()

    # What services use

    def state_key(self, epoch: int) -> bytes:
        """Returns the 32-byte key that documents of an epoch rest under.

        Raises:
            KeyGone: the deadline has passed, or the epoch lies before everything that is known.
            Unavailable: the epoch's share has not come yet, or not again after the clock was wrong.
        """
        return self._epoch_keys(epoch).state_key

    def token_key(self, epoch: int) -> bytes:
        """Returns the 32-byte key of the opaque tokens of an epoch; raises like `state_key`."""
        return self._epoch_keys(epoch).token_key

    def sealing_private(self, epoch: int) -> SealingPrivateKey:
        """Returns the own key pair of an epoch; raises like `state_key`."""
        keys = self._epoch_keys(epoch)
        if keys.pair is None:
            keys.pair = derive_key_pair(keys.sealing_seed)
        return keys.pair

    async def sealing_public(self, service: str, epoch: int) -> bytes:
        """Returns the raw public key to seal to; raises like `state_key`, and Unavailable while none is published."""
        return (await self.sealing_statement(service, epoch)).public_key

    async def sealing_statement(self, service: str, epoch: int) -> pb.SealingKey:
        """Returns a service's signed sealing key of an epoch, already checked; raises like `sealing_public`."""
        own = self._epoch_keys(epoch)
        known = self._peers.get((service, epoch))
        if known is not None and known.chain_id == own.chain_id:
            return known
        missing = Unavailable("a sealing key is not published yet", reason="sealing_key_missing")
        async with self._fetching.setdefault(service, asyncio.Lock()):
            known = self._peers.get((service, epoch))
            if known is not None and known.chain_id == own.chain_id:
                return known
            if self._monotonic() < self._missing_until.get((service, epoch), float("-inf")):
                raise missing
            self._asked.add(service)
            last = epoch + AHEAD_EPOCHS
            try:
                await self._fetch_peer(service, epoch, last)
            except Unavailable:
                self._note_missing(service, epoch, last)
                raise
            known = self._peers.get((service, epoch))
            if known is None or known.chain_id != own.chain_id:
                self._note_missing(service, epoch, last)
                raise missing
            return known

    @property
    def ready(self) -> bool:
        """Whether the current epoch can be worked in: its key is held and, for a receiver, published."""
        epoch = self.hour.epoch_of(self.clock.now())
        keys = self._keys.get(epoch)
        return keys is not None and (not self._receives or self._published.get(epoch) == keys.chain_id)

    # The runtime part

    async def start(self) -> None:
        """Fetches the first shares; raises Unavailable when audit-purge is not there yet, to be called again."""
        await self.refresh(whole=True)
        if not self.ready:
            raise Unavailable("the current epoch has no share yet", reason="share_missing")
        # Two loops, so that a request that hangs never keeps a key alive.
        self._loops = [
            asyncio.create_task(self._refresh_forever(), name="custody-refresh"),
            asyncio.create_task(self._drop_forever(), name="custody-drop"),
        ]

    async def stop(self) -> None:
        """Forgets every key."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._forget_all()

    async def refresh(self, *, whole: bool = False) -> None:
        """Drops what is past its deadline, fetches what has opened, publishes, and looks ahead for the peers asked before.

        Args:
            whole: also ask for the epochs behind the current one, as after a start.

        Raises:
            Unavailable: audit-purge is away, or its time does not confirm the clock after that was wrong.
        """
        self.drop_expired()
        now = self.hour.epoch_of(self.clock.now())
        oldest = max(0, now - EPOCHS_AN_HOUR)
        # After an absence longer than what is held ahead, epochs lie between that nobody asked for yet.
        whole = whole or not self._keys or max(self._keys) < now
        in_doubt = self._clock_in_doubt
        # In doubt also for an epoch that is not open yet if the clock is right: whoever gives its share knows better.
        newest = now + AHEAD_EPOCHS + (APART_EPOCHS + 1 if in_doubt else 0)
        shares = await self._source.shares(oldest if whole else now, newest)
        if not whole and shares.chain_id != self._chain_id:
            # The epochs behind the current one may be another chain's too.
            shares = await self._source.shares(oldest, newest)
        self._take(shares, asked_in_doubt=in_doubt)
        if self._receives:
            await self._publish(now)
        for service in sorted(self._asked):
            await self._fetch_peer(service, now, now + AHEAD_EPOCHS)

    def drop_expired(self) -> None:
        """Forgets the keys whose deadline has passed; in doubt about the clock they are gone rather than kept."""
        at = self._latest_now()
        for epoch in [epoch for epoch in self._keys if self.hour.key_deadline(epoch) <= at]:
            del self._keys[epoch]
            self._published.pop(epoch, None)
        for place in [place for place in self._peers if self.hour.key_deadline(place[1]) <= at]:
            del self._peers[place]
        for place in [place for place in self._missing_until if self.hour.key_deadline(place[1]) <= at]:
            del self._missing_until[place]

    # Inside

    def _latest_now(self) -> float:
        """What the time may be at the latest: a clock that is set back does not lengthen the life of a key.

        Every key is forgotten first where the clock is so far behind that it was wrong, now or before. It is believed
        again then, and has to be confirmed: were it wrong now, the same keys would come back and stay for too long.
        """
        behind = self._time.behind()
        if behind > self.hour.minutes(CLOCK_BEHIND_MINUTES):
            self._forget_all()
            self._time.believe_clock()
            self._clock_in_doubt = True
            self._emptied.set()
            _log.warning("keys_dropped", reason="clock_set_back", behind_seconds=round(behind))
        return self._time.now()

    def _forget_all(self) -> None:
        self._keys.clear()
        self._published.clear()
        self._peers.clear()
        self._missing_until.clear()

    def _confirm_clock(self, shares: Shares, *, asked_in_doubt: bool) -> None:
        """Checks the clock against how far ahead audit-purge gives shares.

        Raises:
            Unavailable: audit-purge's time is later, or it was asked before the doubt, for other epochs.
        """
        newest = self.hour.epoch_of(self.clock.now()) + AHEAD_EPOCHS + APART_EPOCHS
        if not asked_in_doubt or max(shares.by_epoch) > newest:
            raise Unavailable("the clock is not confirmed by audit-purge's", reason="clock_in_doubt")
        self._clock_in_doubt = False

    def _epoch_keys(self, epoch: int) -> _EpochKeys:
        if self._latest_now() >= self.hour.key_deadline(epoch):
            self._keys.pop(epoch, None)
            raise KeyGone
        keys = self._keys.get(epoch)
        if keys is None:
            if self._keys and epoch < min(self._keys):
                raise KeyGone
            raise Unavailable("the epoch has no share yet", reason="share_missing")
        return keys

    def _take(self, shares: Shares, *, asked_in_doubt: bool) -> None:
        if not shares.by_epoch:
            return
        at = self._latest_now()
        if self._clock_in_doubt:
            self._confirm_clock(shares, asked_in_doubt=asked_in_doubt)
        self._chain_id = shares.chain_id
        begins = min(shares.by_epoch)
        # Another chain means that the keepers lost the older one: nobody will ever open what it sealed.
        for epoch in [e for e, keys in self._keys.items() if e >= begins and keys.chain_id != shares.chain_id]:
            del self._keys[epoch]
            self._published.pop(epoch, None)
        for epoch, share in shares.by_epoch.items():
            if epoch not in self._keys and self.hour.key_deadline(epoch) > at:
                self._keys[epoch] = self._derive(shares.chain_id, epoch, share)

    def _derive(self, chain_id: bytes, epoch: int, share: bytes) -> _EpochKeys:
        def key(label: bytes, length: int) -> bytes:
            place = length_prefixed(label, self.service.encode(), struct.pack(">I", epoch))
            return crypto.hkdf(share, self._secret, place, length)

        return _EpochKeys(
            chain_id=chain_id,
            state_key=key(b"shirushi state v1", 32),
            token_key=key(b"shirushi token v1", 32),
            sealing_seed=key(b"shirushi sealing v1", SEED_BYTES),
        )

    async def _publish(self, now: int) -> None:
        statements = []
        for epoch in range(now, now + AHEAD_EPOCHS + 1):
            keys = self._keys.get(epoch)
            if keys is None or self._published.get(epoch) == keys.chain_id:
                continue
            public_key = self.sealing_private(epoch).public_key
            message = sealing_statement_message(self.service, epoch, keys.chain_id, public_key)
            statements.append(
                pb.SealingKey(
                    service=self.service,
                    epoch=epoch,
                    chain_id=keys.chain_id,
                    public_key=public_key,
                    signature=crypto.sign(self._signing_key, message),
                )
            )
        if statements:
            await self._source.publish(statements)
            for statement in statements:
                self._published[statement.epoch] = statement.chain_id

    async def _fetch_peer(self, service: str, first: int, last: int) -> None:
        missing = [
            epoch
            for epoch in range(first, last + 1)
            if (keys := self._keys.get(epoch)) is not None
            and ((known := self._peers.get((service, epoch))) is None or known.chain_id != keys.chain_id)
        ]
        if not missing:
            return
        for statement in await self._source.sealing_keys(service, missing[0], missing[-1]):
            if statement.service != service or len(statement.public_key) != PUBLIC_KEY_BYTES:
                continue
            message = sealing_statement_message(service, statement.epoch, statement.chain_id, statement.public_key)
            try:
                crypto.verify(self._signers.get(service, ()), statement.signature, message)
            except crypto.SignatureInvalid:
                _log.warning("sealing_key_refused", service_of=service, epoch=statement.epoch)
                continue
            self._peers[service, statement.epoch] = statement

    def _note_missing(self, service: str, first: int, last: int) -> None:
        """Lets those who waited behind a fetch in vain not ask again at once, for none of the epochs that it asked for."""
        until = self._monotonic() + MISSING_PEER_SECONDS
        for epoch in range(first, last + 1):
            self._missing_until[service, epoch] = until

    async def _refresh_forever(self) -> None:
        pause = self.hour.epoch_seconds / 2
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._emptied.wait()
            self._emptied.clear()
            try:
                await self.refresh()
            except Unavailable as error:
                _log.warning("custody_refresh_failed", reason=error.reason)
            except Exception:  # noqa: BLE001 - whatever it is, the loop goes on
                # A refusal (another chain registered meanwhile, say) is gone by the next round or shows in readiness.
                _log.exception("custody_refresh_failed", reason="error")

    async def _drop_forever(self) -> None:
        while True:
            self.drop_expired()
            # Deadlines lie one epoch apart; a slept-through suspend of the machine is caught at the next use.
            oldest = min(self._keys, default=None)
            due = self.hour.epoch_seconds if oldest is None else self.hour.key_deadline(oldest) - self._latest_now()
            await asyncio.sleep(min(max(due, 0.01), self.hour.epoch_seconds))
