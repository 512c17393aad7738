"""What every service stands on, made the same way: identity, keys of the hour, sealed store, codec, health."""

from dataclasses import dataclass
from functools import partial

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kit.clock import Clock, SystemClock
from kit.crypto import load_signing_key
from kit.custody import Custody, ShareSource
from kit.custody_client import RpcShareSource
from kit.events import EventCodec
from kit.hour import Hour
from kit.management import Health, ManagementServer, follow_keys
from kit.rpc import Channel, TlsFiles, channel
from kit.runtime import Part, Task
from kit.settings import ServiceSettings, read_secret, read_signers
from kit.store import Store
from kit.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Foundation:
    """Parts and values for `app.build`; nothing is connected before the parts start."""

    clock: Clock
    hour: Hour
    tls: TlsFiles
    telemetry: Telemetry
    health: Health
    secret: bytes
    signers: dict[str, tuple[Ed25519PublicKey, ...]]
    custody: Custody
    store: Store
    codec: EventCodec
    management: ManagementServer
    # None for audit-purge, which asks nobody for its shares.
    audit_purge: Channel | None

    @property
    def readiness(self) -> Part:
        """The part that follows whether the current epoch has keys."""
        return Task("readiness", partial(follow_keys, lambda: self.custody.ready, self.health))

    @property
    def first_parts(self) -> list[Part]:
        """What starts before everything else: the management port, and the keys with whom they come from."""
        keys: list[Part] = [self.custody, self.readiness]
        return [self.management, *([self.audit_purge] if self.audit_purge else []), *keys]


def lay(
    settings: ServiceSettings, service: str, *, receives: bool = True, source: ShareSource | None = None
) -> Foundation:
    """Makes what a service stands on.

    Args:
        settings: of the service.
        service: its principal name.
        receives: whether anything is sealed to it.
        source: where shares come from; audit-purge over gRPC where it is left out.

    Raises:
        ValueError: a file of the settings is not what it must be; the text names the path.
    """
    clock, hour, tls = SystemClock(), settings.hour, TlsFiles.of(settings)
    telemetry = Telemetry(service, settings.otlp_endpoint, ratio=settings.trace_ratio)
    health = Health()
    secret = read_secret(settings.service_secret)
    signing_key, signers = load_signing_key(settings.signing_key), read_signers(settings.signers)
    audit_purge = None
    if source is None:
        audit_purge = channel(settings.audit_purge_target, tls, server_name="audit-purge")
        source = RpcShareSource(audit_purge)
    custody = Custody(
        service=service,
        secret=secret,
        signing_key=signing_key,
        signers=signers,
        hour=hour,
        clock=clock,
        source=source,
        receives=receives,
    )
    store = Store.of(settings, service, custody, clock)
    return Foundation(
        clock=clock,
        hour=hour,
        tls=tls,
        telemetry=telemetry,
        health=health,
        secret=secret,
        signers=signers,
        custody=custody,
        store=store,
        codec=EventCodec(service=service, signing_key=signing_key, signers=signers, custody=custody),
        management=ManagementServer(settings.management_host, settings.management_port, telemetry, health),
        audit_purge=audit_purge,
    )
