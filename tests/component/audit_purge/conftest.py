import secrets
from functools import partial

import pytest
from audit_purge.app import statement_is_signed
from audit_purge.desk import Desk
from audit_purge.domain.directory import Directory
from audit_purge.domain.keeper import Keeper
from audit_purge.registration import Registration
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kit.clock import FixedClock
from kit.errors import Code, ShirushiError, Unavailable
from kit.hour import Hour
from kit.management import Health
from kit.testing.fake_custody import FakeDeployment
from kit.testing.fake_store import FakeStore
from shirushi.rights import PRINCIPALS

T0 = 1_763_856_000.0
LOGIN = b"L" * 16


@pytest.fixture
def hour():
    return Hour()


@pytest.fixture
def clock():
    return FixedClock(T0)


@pytest.fixture
def epoch(hour):
    return hour.epoch_of(T0)


@pytest.fixture
async def deployment(hour, clock):
    return await FakeDeployment(hour, clock).start()


@pytest.fixture
def store(deployment, clock):
    return FakeStore("audit-purge", deployment.custodies["audit-purge"], clock)


class RememberedState:
    """Chain state that outlives a keeper."""

    def __init__(self):
        self.saved = None

    def load(self):
        return self.saved

    def save(self, chain, unreceipted):
        self.saved = (chain, list(unreceipted))


class RememberedRegistry:
    """A registry of one chain; `taken` makes it another keeper's for good, `away` unreachable."""

    def __init__(self):
        self.taken = self.away = False
        self.now = lambda: 0.0
        self.registered = []
        self.current = None

    def as_seen_by(self, instance):
        """The same registry, asked by an instance of this name."""
        return SeenRegistry(self, instance)

    def check(self):
        if self.away:
            raise Unavailable
        if self.taken:
            raise taken()

    async def register(self, chain_id, first_epoch, public, *, at_once):
        await self.as_seen_by("the only one").register(chain_id, first_epoch, public, at_once=at_once)

    async def renew(self, chain_id):
        await self.as_seen_by("the only one").renew(chain_id)


class SeenRegistry:
    """What MongoRegistry decides, for one instance."""

    def __init__(self, registry, instance):
        self.registry, self.instance = registry, instance

    async def register(self, chain_id, first_epoch, public, *, at_once):
        self.registry.check()
        if self.registry.current is not None:
            instance, held, until = self.registry.current
            mine = instance == self.instance and (at_once or held == chain_id)
            if not mine and until > self.registry.now():
                raise taken()
        self.registry.current = (self.instance, chain_id, self.registry.now() + 30.0)
        self.registry.registered.append((chain_id, first_epoch, public))

    async def renew(self, chain_id):
        self.registry.check()
        if self.registry.current is None or self.registry.current[:2] != (self.instance, chain_id):
            raise taken()
        self.registry.current = (self.instance, chain_id, self.registry.now() + 30.0)


def taken():
    return ShirushiError(Code.CONFLICT, "taken", reason="another_keeper")


class RememberedDirectory:
    """Keeps statements as MongoDB does."""

    def __init__(self):
        self.away = False
        self.kept = []

    async def keep(self, statements):
        if self.away:
            raise Unavailable
        self.kept.extend(statements)


@pytest.fixture
def registry():
    return RememberedRegistry()


@pytest.fixture
def kept():
    return RememberedDirectory()


@pytest.fixture
def health():
    return Health()


@pytest.fixture
def keeper(hour, clock):
    return Keeper(hour, clock, RememberedState(), secrets.token_bytes, lambda: 0.0)


@pytest.fixture
async def registration(keeper, registry, health):
    part = Registration(keeper, registry, health, lease_seconds=30.0)
    await part.start()
    yield part
    await part.stop()


@pytest.fixture
def signing_keys():
    return {service: Ed25519PrivateKey.generate() for service in PRINCIPALS}


@pytest.fixture
def signers(signing_keys):
    return {service: (key.public_key(),) for service, key in signing_keys.items()}


@pytest.fixture
def desk(keeper, registration, signers, kept):
    return Desk(
        keeper=keeper,
        is_keeper=registration.is_keeper,
        directory=Directory(partial(statement_is_signed, signers)),
        kept=kept,
    )
