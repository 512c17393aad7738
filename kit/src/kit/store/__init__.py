"""MongoDB with a deadline on every document: few fields in clear, the rest sealed under the epoch's state key."""

from kit.store.collection import SealedCollection
from kit.store.document import AlreadyExists, Collection, Conflict, Document
from kit.store.mongo import Store

__all__ = ["AlreadyExists", "Collection", "Conflict", "Document", "SealedCollection", "Store"]
