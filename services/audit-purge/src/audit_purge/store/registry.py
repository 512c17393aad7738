"""Registers which chain of deadline secrets is the one, so that two keepers never hand out different ones.

Registered are the chain's id, its first epoch and the commitment there; no secret. The registration is a lease: another
keeper may take over when it has run out, the same instance at once.
"""

from kit.clock import Clock
from kit.errors import Code, ShirushiError
from kit.store.collection import date, unavailable_on_failure
from pymongo.errors import DuplicateKeyError

from audit_purge.domain.keeper import Commitment
from audit_purge.store.unsealed import ClearDatabase, by_majority

LEASE_SECONDS = 30.0
_CURRENT = "current"


class MongoRegistry:
    """One document in the collection `chains`."""

    def __init__(self, database: ClearDatabase, *, instance: str, clock: Clock) -> None:
        self._chains = by_majority(database)["chains"]
        self._instance = instance
        self._clock = clock

    @unavailable_on_failure
    async def register(self, chain_id: bytes, first_epoch: int, public: Commitment, *, at_once: bool = True) -> None:
        """Registers a chain with a commitment to one of its open epochs; the same chain again renews the lease.

        Args:
            chain_id: of the chain.
            first_epoch: where it began.
            public: a commitment of it.
            at_once: whether another chain of this instance is replaced though its lease has not run out, as an earlier
                life's after a restart.

        Raises:
            ShirushiError: CONFLICT while another holds the lease, UNAVAILABLE when the store is away.
        """
        now = self._clock.now()
        mine = {"instance": self._instance} if at_once else {"instance": self._instance, "chain_id": chain_id}
        mine_or_free = {"_id": _CURRENT, "$or": [mine, {"lease_until": {"$lte": date(now)}}]}
        registration = {
            "instance": self._instance,
            "lease_until": date(now + LEASE_SECONDS),
            "chain_id": chain_id,
            "first_epoch": first_epoch,
            "commitment_epoch": public.epoch,
            "commitment": public.commitment,
        }
        try:
            await self._chains.update_one(mine_or_free, {"$set": registration}, upsert=True)
        except DuplicateKeyError as error:
            raise _taken() from error

    @unavailable_on_failure
    async def renew(self, chain_id: bytes) -> None:
        """Renews the lease on a chain that this instance registered.

        Raises:
            ShirushiError: as `register`; CONFLICT also when another chain took its place.
        """
        renewed = await self._chains.update_one(
            {"_id": _CURRENT, "instance": self._instance, "chain_id": chain_id},
            {"$set": {"lease_until": date(self._clock.now() + LEASE_SECONDS)}},
        )
        if renewed.matched_count == 0:
            raise _taken()


def _taken() -> ShirushiError:
    return ShirushiError(Code.CONFLICT, "another keeper holds the registration", reason="another_keeper")
