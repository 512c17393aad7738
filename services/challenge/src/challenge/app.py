"""Puts challenge together; read top to bottom. Parts start in this order and stop in reverse."""

import os
from functools import partial

from kit.bus import Bus
from kit.crypto import hkdf
from kit.foundation import lay
from kit.http import HttpServer
from kit.rpc import serve
from kit.runtime import Part, Task, run
from kit.settings import parse_or_exit, read_secret
from shirushi.rights import RPC_CALLERS

from challenge.domain.dispatch import Dispatch, Keys
from challenge.domain.token import QrClock
from challenge.events import BusFacts
from challenge.keys import CustodyKeys
from challenge.metrics import RequestMetrics
from challenge.rpc import add_to
from challenge.settings import Settings
from challenge.store import COLLECTION, SealedChallenges
from challenge.web.edge import app_api
from kit import log

SERVICE = "challenge"


def build(settings: Settings) -> list[Part]:
    """Make the parts; nothing is connected before they start."""
    base = lay(settings, SERVICE, receives=False)
    clock = base.clock
    bus = Bus(settings, base.codec, base.telemetry, base.health)
    facts = BusFacts(bus)
    challenges = SealedChallenges(base.store.collection(COLLECTION), clock=clock, hour=base.hour)
    dispatch = Dispatch(
        challenges=challenges,
        facts=facts,
        epoch_keys=CustodyKeys(base.custody),
        keys=Keys(
            handle_key=hkdf(base.secret, b"", b"shirushi challenge handle v1"),
            network_key=read_secret(settings.network_hint_key),
        ),
        clock=clock,
        hour=base.hour,
        qr_clock=QrClock(settings.qr_step_seconds),
        random=os.urandom,
    )
    rpc = serve(settings.rpc_host, settings.rpc_port, base.tls, [partial(add_to, dispatch=dispatch)], RPC_CALLERS)
    public = HttpServer(
        app_api(dispatch, forwarded_hops=settings.forwarded_hops, watch=RequestMetrics(base.telemetry)),
        settings.public_host,
        settings.public_port,
        settings.public_tls_certificate,
        settings.public_tls_key,
        name="app-api",
    )
    return [
        *base.first_parts,
        Task("forgetting", challenges.keep_forgetting),
        base.store,
        bus,
        facts,
        rpc,
        public,
    ]


def main() -> None:
    """Read the settings and run the service until it is told to stop."""
    settings = parse_or_exit(Settings)
    log.configure(SERVICE, settings.log_level, settings.instance)
    run(partial(build, settings), drain_seconds=settings.drain_seconds)
