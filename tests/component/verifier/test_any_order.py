"""Whatever happens in whatever order to a login's check, it ends with one definite verdict and leaves nothing behind."""

import asyncio

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from kit.clock import FixedClock
from kit.hour import Hour
from kit.testing.fake_custody import FakeDeployment
from verifier.domain.deadline import verdict_due
from verifier.domain.ocsp import Standing
from verifier.retries import LIMIT
from verifier.store import COLLECTION, LEASE_SECONDS

from tests.component.verifier.conftest import LOGIN, Replica, World
from tests.support.jpki import T0


class Login(RuleBasedStateMachine):
    """One login, two replicas, a revocation source, a database and a broker that come and go."""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.clock = FixedClock(T0)
        self.world = self.runner.run(self.make())
        self.answered = False

    async def make(self):
        world = World(await FakeDeployment(Hour(), self.clock).start(), self.clock, Hour())
        world.replicas.append(Replica(world, 1))
        self.fact = world.fact()
        return world

    @property
    def is_over(self):
        return self.clock.t >= verdict_due(self.world.hour, self.world.epoch)

    def run(self, coroutine):
        return self.runner.run(coroutine)

    @rule()
    def the_phone_answers_once_or_again(self):
        if self.world.hub.away:
            return
        self.run(self.world.answer(self.fact))
        self.answered = True

    @rule(away=st.booleans())
    def the_source_goes_or_comes(self, away):
        self.world.responder.away = away

    @rule(away=st.booleans())
    def kafka_goes_or_comes(self, away):
        self.world.hub.away = away

    @rule(standing=st.sampled_from([Standing.GOOD, Standing.REVOKED]))
    def the_card_is_revoked_or_not(self, standing):
        # Revocation is for ever; in this test it is only never lifted before a verdict.
        if self.world.responder.standing is Standing.GOOD:
            self.world.responder.standing = standing

    @rule(replica=st.integers(0, 1))
    def a_replica_looks_for_work(self, replica):
        self.run(self.world.retry(replica))

    @rule(replica=st.integers(0, 1))
    def a_replica_is_killed_at_work(self, replica):
        self.run(self.world.replicas[replica].parked.claim(LIMIT))

    @precondition(lambda self: not self.is_over)
    @rule(seconds=st.sampled_from([0.5, 5, LEASE_SECONDS, 60, 600]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)
        self.run(self.world.deployment.refresh())

    @invariant()
    def nothing_is_said_of_a_login_that_nobody_answered(self):
        if not self.answered:
            assert self.world.verdicts == []
            assert self.world.parked == {}

    @invariant()
    def an_answered_login_is_parked_or_has_its_verdict(self):
        if self.answered:
            assert self.world.verdicts or LOGIN in self.world.parked

    def teardown(self):
        world = self.world
        world.hub.away = False
        if self.answered:
            for _ in range(3):
                self.clock.t = max(self.clock.t, verdict_due(world.hour, world.epoch)) + LEASE_SECONDS
                self.run(world.deployment.refresh())
                self.run(world.retry(1))
            assert world.verdicts
            assert world.store.collection(COLLECTION).rows == {}
            assert {event.login_id for event in world.verdicts} == {LOGIN}
        assert world.hub.dead_letters == []
        self.run(self.close())
        self.runner.close()

    async def close(self):
        for bus in self.world.hub.buses:
            await bus.stop()


TestLogin = Login.TestCase
TestLogin.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
