"""Which processes a sandbox has, what each is told, and how each says that it is ready."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kit.hour import Hour

from sandbox.environment import Servers, as_environment, common
from sandbox.pki import Pki
from sandbox.ports import Ports
from sandbox.state import State

# In starting order: the others ask audit-purge for their keys, the gateway asks everybody.
SERVICES = ("audit-purge", "pseudonym", "challenge", "verifier", "gateway")
REPLICATED = frozenset({"gateway", "challenge", "verifier", "pseudonym"})
_NUMBER = {"gateway": 0, "challenge": 1, "verifier": 2, "pseudonym": 3, "audit-purge": 4}
_MANAGEMENT, _RPC, _PUBLIC = range(3)

MOST_REPLICAS = 8


@dataclass(frozen=True)
class Instance:
    """One process: its command line, its whole environment, and the address that answers 200 when it is ready."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    ready_url: str
    ports: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Plan:
    """One sandbox: everything that the instances are derived from."""

    state: State
    pki: Pki
    ports: Ports
    replicas: int
    hour: Hour
    servers: Servers
    log_level: str = "info"

    def replicas_of(self, service: str) -> range:
        """The ordinals of a service."""
        return range(self.replicas if service in REPLICATED else 1)

    def addresses(self) -> dict[str, object]:
        """What run/addresses.json says."""
        gateway = f"https://localhost:{self.ports.gateway}"
        management = {
            f"{service}-{replica}": f"http://127.0.0.1:{self._port(service, replica, _MANAGEMENT)}"
            for service in SERVICES
            for replica in self.replicas_of(service)
        }
        return {
            "gateway": gateway,
            "issuer": f"{gateway}/api/realms/main",
            "challenge": f"https://localhost:{self.ports.challenge}",
            "audit": f"https://localhost:{self.ports.audit}",
            "phone": f"https://localhost:{self.ports.phone}",
            "city": f"https://localhost:{self.ports.city}",
            "bank": f"https://localhost:{self.ports.bank}",
            "jlis": f"http://127.0.0.1:{self.ports.jlis}",
            "ca": str(self.pki.web_ca),
            "signers": str(self.pki.signers),
            "state": str(self.state.root),
            "hour_seconds": self.hour.seconds,
            "kafka": self.servers.kafka_bootstrap,
            "mongodb": self.servers.mongodb_uri,
            "management": management,
        }

    def helpers(self) -> Iterator[Instance]:
        """The sandbox's own processes: they need none of the services to start."""
        yield self._helper("jlis", "sandbox.jlis", self.ports.jlis, "http")
        yield self._helper("phone", "sandbox.phone", self.ports.phone, "https")
        yield self._helper("city", "sandbox.rp", self.ports.city, "https", SANDBOX_RP="city")
        yield self._helper("bank", "sandbox.rp", self.ports.bank, "https", SANDBOX_RP="bank")

    def services(self, clients: Path) -> Iterator[Instance]:
        """Every replica of the five services, in starting order."""
        for service in SERVICES:
            for replica in self.replicas_of(service):
                yield self._service(service, replica, clients)

    def front(self) -> tuple[str, ...]:
        """The command of the front before replicas, empty where each service listens itself."""
        if self.replicas == 1:
            return ()
        public = {"gateway": self.ports.gateway, "challenge": self.ports.challenge}
        routes = [
            f"{port}=" + ",".join(str(self._port(service, replica, _PUBLIC)) for replica in self.replicas_of(service))
            for service, port in public.items()
        ]
        return (sys.executable, "-m", "sandbox.front", *routes)

    def _service(self, service: str, replica: int, clients: Path) -> Instance:
        management = self._port(service, replica, _MANAGEMENT)
        settings = common(service, self.pki, self.servers) | {
            "instance": str(replica),
            "management_host": "127.0.0.1",
            "management_port": str(management),
            "audit_purge_target": self._target("audit-purge"),
            "hour_seconds": str(self.hour.seconds),
            "log_level": self.log_level,
            # Everything must be down in ten seconds, the stores after the services.
            "drain_seconds": "4",
        }
        used = [("internal", management)]
        if service in ("gateway", "challenge", "audit-purge"):
            setting, port = self._public_port(service, replica)
            used.append((setting, port))
            settings |= {
                "public_host": "127.0.0.1",
                "public_port": str(port),
                "public_tls_certificate": str(self.pki.web_certificate),
                "public_tls_key": str(self.pki.web_key),
            }
        if service in ("challenge", "pseudonym", "audit-purge"):
            port = self._port(service, replica, _RPC)
            used.append(("internal", port))
            settings |= {"rpc_host": "127.0.0.1", "rpc_port": str(port)}
        settings |= self._own_settings(service, clients)
        return Instance(
            name=f"{service}-{replica}",
            command=(sys.executable, "-m", service.replace("-", "_")),
            environment=as_environment(settings),
            ready_url=f"http://127.0.0.1:{management}/readyz",
            ports=tuple(used),
        )

    def _own_settings(self, service: str, clients: Path) -> dict[str, str]:
        """What one service alone is told."""
        match service:
            case "gateway":
                phone = f"https://localhost:{self.ports.phone}"
                return {
                    "issuer": f"https://localhost:{self.ports.gateway}/api/realms/main",
                    "challenge_target": self._target("challenge"),
                    "pseudonym_target": self._target("pseudonym"),
                    "clients_file": str(clients),
                    "id_token_keys": str(self.pki.id_token_keys),
                    "sector_secret": str(self.pki.sector_secret),
                    "network_hint_key": str(self.pki.network_hint_key),
                    "app_link_base": f"{phone}/link",
                    "test_card_url": f"{phone}/test-card",
                }
            case "challenge":
                return {"network_hint_key": str(self.pki.network_hint_key)}
            case "verifier":
                trust = self.state.root / "trust"
                return {
                    "trust_anchors": str(trust),
                    "attestation_anchors": str(trust / "attestation"),
                    "ocsp_url": f"http://127.0.0.1:{self.ports.jlis}/",
                    "handle_key": str(self.pki.handle_key),
                }
            case "pseudonym":
                return {"pairwise_keys": str(self.pki.pairwise_keys)}
            case _:
                return {"state_dir": str(self.state.deadline)}

    def _helper(self, name: str, module: str, port: int, scheme: str, **more: str) -> Instance:
        environment = {
            "SANDBOX_STATE": str(self.state.root),
            "SANDBOX_ADDRESSES": str(self.state.addresses),
            "SANDBOX_HOST": "127.0.0.1",
            "SANDBOX_PORT": str(port),
            "SANDBOX_CERTIFICATE": str(self.pki.web_certificate),
            "SANDBOX_KEY": str(self.pki.web_key),
            "SANDBOX_WEB_CA": str(self.pki.web_ca),
            "SHIRUSHI_HOUR_SECONDS": str(self.hour.seconds),
            "SHIRUSHI_LOG_LEVEL": self.log_level,
        }
        command = (sys.executable, "-m", module)
        return Instance(name, command, environment | more, f"{scheme}://localhost:{port}/livez", ((name, port),))

    def _public_port(self, service: str, replica: int) -> tuple[str, int]:
        if service == "audit-purge":
            return "audit", self.ports.audit
        if self.replicas > 1:
            return "internal", self._port(service, replica, _PUBLIC)
        return service, {"gateway": self.ports.gateway, "challenge": self.ports.challenge}[service]

    def _port(self, service: str, replica: int, use: int) -> int:
        return self.ports.internal_port(_NUMBER[service], replica, use)

    def _target(self, service: str) -> str:
        hosts = [f"127.0.0.1:{self._port(service, replica, _RPC)}" for replica in self.replicas_of(service)]
        return f"ipv4:{','.join(hosts)}"
