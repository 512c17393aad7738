"""The clear collections: purge receipts, sealing public keys, and which chain is registered. No secret, no login.

Reads and writes are by majority: a receipt number or a registration must not be taken back by a new primary.
"""

from kit.store.connection import PresentDatabase
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

ClearDatabase = PresentDatabase

# The journal flag stays unset: with it off each write would wait for the 100 ms journal timer.
_MAJORITY = WriteConcern(w="majority", wtimeout=5000)


def by_majority(database: ClearDatabase) -> ClearDatabase:
    """The same database with majority reads and writes."""
    return database.with_options(write_concern=_MAJORITY, read_concern=ReadConcern("majority"))
