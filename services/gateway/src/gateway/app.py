"""Puts the gateway together; read top to bottom. Parts start in this order and stop in reverse."""

import asyncio
import os
from functools import partial
from urllib.parse import urlsplit

from kit.bus import Bus
from kit.crypto import hkdf
from kit.errors import Unavailable
from kit.foundation import lay
from kit.http import HttpServer
from kit.rpc import channel
from kit.runtime import Part, Task, run
from kit.settings import parse_or_exit, read_secret

from gateway.assertion_keys import AssertionKeys
from gateway.clients import ClientRegistry, FileRegistrations, MongoRegistrations
from gateway.domain.collect import Collector
from gateway.domain.opaque_token import PresentTokenKeys
from gateway.domain.redeem import Redeemer
from gateway.domain.start_login import LoginStarter
from gateway.domain.sweep import BATCH, Sweeper
from gateway.domain.verdicts import Verdicts
from gateway.events import Events
from gateway.facts import PublishedFacts
from gateway.id_tokens import read_id_token_keys
from gateway.metrics import CountedFacts, RequestMetrics
from gateway.peers import ChallengePeer, PseudonymPeer
from gateway.settings import GatewaySettings
from gateway.store import AssertionIds, StoredLogins
from gateway.waiting import WaitingBrowsers
from gateway.web.edge import application
from gateway.web.parts import Parts
from kit import log

SERVICE = "gateway"
_SWEEP_MINUTES = 0.1


def build(settings: GatewaySettings) -> list[Part]:
    """Makes the parts; nothing is connected before they start."""
    base = lay(settings, SERVICE)
    clock, hour, store = base.clock, base.hour, base.store
    sector_key = read_secret(settings.sector_secret)

    challenge = channel(settings.challenge_target, base.tls, server_name="challenge")
    pseudonym = channel(settings.pseudonym_target, base.tls, server_name="pseudonym")
    keys = PresentTokenKeys(base.custody, clock, hour)
    bus = Bus(settings, base.codec, base.telemetry, base.health)
    registrations = (
        FileRegistrations(settings.clients_file)
        if settings.clients_file
        else MongoRegistrations(store.present()["clients"])
    )
    clients = ClientRegistry(registrations)
    logins = StoredLogins(store.collection("logins"), hour=hour, instance=settings.instance)
    challenges = ChallengePeer(challenge)
    waiting = WaitingBrowsers()
    facts = CountedFacts(PublishedFacts(bus, waiting), base.telemetry)
    verdicts = Verdicts(logins, challenges, facts, clock, hour)
    Events(verdicts, waiting, logins.forget).subscribe(bus)
    sweeper = Sweeper(logins, challenges, facts, verdicts, clock, hour)
    assertion_keys = AssertionKeys()
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(settings.issuer))
    parts = Parts(
        issuer=settings.issuer,
        origin=origin,
        test_card_url=settings.test_card_url if settings.test_mode else None,
        network_key=read_secret(settings.network_hint_key) if settings.network_hint_key else None,
        forwarded_hops=settings.forwarded_hops,
        qr_step_seconds=settings.qr_step_seconds,
        clock=clock,
        hour=hour,
        keys=keys,
        clients=clients,
        logins=logins,
        challenges=challenges,
        starter=LoginStarter(
            logins=logins,
            challenges=challenges,
            facts=facts,
            keys=keys,
            sector_key=sector_key,
            app_link_base=settings.app_link_base,
            return_base=f"{origin}/return",
            clock=clock,
            hour=hour,
            random=os.urandom,
        ),
        collector=Collector(
            logins=logins,
            pseudonyms=PseudonymPeer(pseudonym),
            keys=keys,
            find_client=clients.find,
            sector_key=sector_key,
            issuer=settings.issuer,
            clock=clock,
            hour=hour,
            random=os.urandom,
        ),
        redeemer=Redeemer(logins=logins, facts=facts, keys=keys, clock=clock, hour=hour, random=os.urandom),
        verdicts=verdicts,
        waiting=waiting,
        assertion_keys=assertion_keys,
        assertion_ids=AssertionIds(
            store.collection("assertion_ids"),
            key=hkdf(sector_key, b"", b"shirushi assertion ids v1"),
            hour=hour,
            clock=clock,
        ),
        id_tokens=read_id_token_keys(settings.id_token_keys),
    )
    public = HttpServer(
        application(parts, RequestMetrics(base.telemetry)),
        settings.public_host,
        settings.public_port,
        settings.public_tls_certificate,
        settings.public_tls_key,
        name="oidc",
    )
    return [
        *base.first_parts,
        challenge,
        pseudonym,
        store,
        clients,
        assertion_keys,
        bus,
        Task("sweeper", partial(_sweep_forever, sweeper, hour.minutes(_SWEEP_MINUTES))),
        public,
    ]


async def _sweep_forever(sweeper: Sweeper, pause: float) -> None:
    while True:
        try:
            handled = await sweeper.sweep()
        except Unavailable as error:
            log.get_logger().warning("sweep_waiting", reason=error.reason)
            handled = 0
        if handled < BATCH:
            await asyncio.sleep(pause)


def main() -> None:
    """Reads the settings and runs the service until it is told to stop."""
    settings = parse_or_exit(GatewaySettings)
    log.configure(SERVICE, settings.log_level, settings.instance)
    run(partial(build, settings), drain_seconds=settings.drain_seconds)
