"""Who may do what, for programs. Generated from deploy/rights.yaml by tools/rights.py; do not edit."""

from collections.abc import Mapping
from dataclasses import dataclass

from shirushi.bus.v1 import envelope_pb2 as bus

DEAD_LETTER = ".dlq"


@dataclass(frozen=True, slots=True)
class Topic:
    """One kind of sealed message: who makes it, who may open it, and the size that it is padded to.

    `receiver` is None where everybody may read; `open` where nobody needs a key.
    """

    name: str
    sender: str
    receiver: str | None
    bytes: int
    open: bool


@dataclass(frozen=True, slots=True)
class Principal:
    """An identity (CN of its certificate): the one database it uses, its consumer groups, whether it purges topics."""

    name: str
    database: str
    groups: tuple[str, ...]
    purges: bool


@dataclass(frozen=True, slots=True)
class Acl:
    """One permission on the broker; `resource` is topic or group, the name is literal."""

    principal: str
    resource: str
    name: str
    operation: str


@dataclass(frozen=True, slots=True)
class KafkaTopic:
    """One topic as the broker keeps it; `config` holds for an hour of 3600 seconds."""

    name: str
    partitions: int
    config: Mapping[str, str]


TOPICS: Mapping[int, Topic] = {
    bus.EVENT_TYPE_LOGIN_REQUESTED: Topic("shirushi.login.requested.v1", "gateway", "audit-purge", 512, open=False),
    bus.EVENT_TYPE_CHALLENGE_CLAIMED: Topic("shirushi.challenge.claimed.v1", "challenge", "gateway", 512, open=False),
    bus.EVENT_TYPE_CHALLENGE_CANCELLED: Topic(
        "shirushi.challenge.cancelled.v1", "challenge", "gateway", 512, open=False
    ),
    bus.EVENT_TYPE_CHALLENGE_ANSWERED: Topic(
        "shirushi.challenge.answered.v1", "challenge", "verifier", 8192, open=False
    ),
    bus.EVENT_TYPE_VERIFICATION_DELAYED: Topic(
        "shirushi.verification.delayed.v1", "verifier", "gateway", 512, open=False
    ),
    bus.EVENT_TYPE_VERIFICATION_COMPLETED: Topic(
        "shirushi.verification.completed.v1", "verifier", "gateway", 2048, open=False
    ),
    bus.EVENT_TYPE_LOGIN_PROGRESSED: Topic("shirushi.login.progressed.v1", "gateway", "gateway", 0, open=True),
    bus.EVENT_TYPE_LOGIN_CONCLUDED: Topic("shirushi.login.concluded.v1", "gateway", "audit-purge", 512, open=False),
    bus.EVENT_TYPE_PURGE_RECEIPT: Topic("shirushi.purge.receipt.v1", "audit-purge", None, 0, open=True),
}

# Sealed messages that travel inside others and have no topic.
INNER: Mapping[int, Topic] = {
    bus.EVENT_TYPE_SUBJECT_HANDLE: Topic("", "verifier", "pseudonym", 512, open=False),
}

# Full method name to the principals that may call it.
RPC_CALLERS: Mapping[str, frozenset[str]] = {
    "/shirushi.challenge.v1.ChallengeService/Issue": frozenset({"gateway"}),
    "/shirushi.challenge.v1.ChallengeService/Withdraw": frozenset({"gateway"}),
    "/shirushi.challenge.v1.ChallengeService/PostNotice": frozenset({"gateway"}),
    "/shirushi.pseudonym.v1.PseudonymService/DeriveSub": frozenset({"gateway"}),
    "/shirushi.audit_purge.v1.CustodyService/GetShares": frozenset({"gateway", "challenge", "verifier", "pseudonym"}),
    "/shirushi.audit_purge.v1.CustodyService/PublishSealingKeys": frozenset({"gateway", "verifier", "pseudonym"}),
    "/shirushi.audit_purge.v1.CustodyService/GetSealingKeys": frozenset({"gateway", "challenge", "verifier"}),
}

PRINCIPALS: Mapping[str, Principal] = {
    "gateway": Principal("gateway", "gateway", ("gateway",), purges=False),
    "challenge": Principal("challenge", "challenge", (), purges=False),
    "verifier": Principal("verifier", "verifier", ("verifier",), purges=False),
    "pseudonym": Principal("pseudonym", "pseudonym", (), purges=False),
    "audit-purge": Principal("audit-purge", "audit_purge", ("audit-purge",), purges=True),
}

_KAFKA_ACLS: tuple[Acl, ...] = (
    Acl("gateway", "topic", "shirushi.login.requested.v1", "write"),
    Acl("audit-purge", "topic", "shirushi.login.requested.v1", "read"),
    Acl("audit-purge", "topic", "shirushi.login.requested.v1.dlq", "write"),
    Acl("challenge", "topic", "shirushi.challenge.claimed.v1", "write"),
    Acl("gateway", "topic", "shirushi.challenge.claimed.v1", "read"),
    Acl("gateway", "topic", "shirushi.challenge.claimed.v1.dlq", "write"),
    Acl("challenge", "topic", "shirushi.challenge.cancelled.v1", "write"),
    Acl("gateway", "topic", "shirushi.challenge.cancelled.v1", "read"),
    Acl("gateway", "topic", "shirushi.challenge.cancelled.v1.dlq", "write"),
    Acl("challenge", "topic", "shirushi.challenge.answered.v1", "write"),
    Acl("verifier", "topic", "shirushi.challenge.answered.v1", "read"),
    Acl("verifier", "topic", "shirushi.challenge.answered.v1.dlq", "write"),
    Acl("verifier", "topic", "shirushi.verification.delayed.v1", "write"),
    Acl("gateway", "topic", "shirushi.verification.delayed.v1", "read"),
    Acl("gateway", "topic", "shirushi.verification.delayed.v1.dlq", "write"),
    Acl("verifier", "topic", "shirushi.verification.completed.v1", "write"),
    Acl("gateway", "topic", "shirushi.verification.completed.v1", "read"),
    Acl("gateway", "topic", "shirushi.verification.completed.v1.dlq", "write"),
    Acl("gateway", "topic", "shirushi.login.progressed.v1", "write"),
    Acl("gateway", "topic", "shirushi.login.progressed.v1", "read"),
    Acl("gateway", "topic", "shirushi.login.progressed.v1.dlq", "write"),
    Acl("gateway", "topic", "shirushi.login.concluded.v1", "write"),
    Acl("audit-purge", "topic", "shirushi.login.concluded.v1", "read"),
    Acl("audit-purge", "topic", "shirushi.login.concluded.v1.dlq", "write"),
    Acl("audit-purge", "topic", "shirushi.purge.receipt.v1", "write"),
    Acl("gateway", "group", "gateway", "read"),
    Acl("verifier", "group", "verifier", "read"),
    Acl("audit-purge", "group", "audit-purge", "read"),
    Acl("audit-purge", "topic", "shirushi.login.requested.v1", "describe"),
    Acl("audit-purge", "topic", "shirushi.login.requested.v1", "delete"),
    Acl("audit-purge", "topic", "shirushi.login.requested.v1.dlq", "describe"),
    Acl("audit-purge", "topic", "shirushi.login.requested.v1.dlq", "delete"),
    Acl("audit-purge", "topic", "shirushi.challenge.claimed.v1", "describe"),
    Acl("audit-purge", "topic", "shirushi.challenge.claimed.v1", "delete"),
    Acl("audit-purge", "topic", "shirushi.challenge.claimed.v1.dlq", "describe"),
    Acl("audit-purge", "topic", "shirushi.challenge.claimed.v1.dlq", "delete"),
    Acl("audit-purge", "topic", "shirushi.challenge.cancelled.v1", "describe"),
    Acl("audit-purge", "topic", "shirushi.challenge.cancelled.v1", "delete"),
    Acl("audit-purge", "topic", "shirushi.challenge.cancelled.v1.dlq", "describe"),
    Acl("audit-purge", "topic", "shirushi.challenge.cancelled.v1.dlq", "delete"),
    Acl("audit-purge", "topic", "shirushi.challenge.answered.v1", "describe"),
    Acl("audit-purge", "topic", "shirushi.challenge.answered.v1", "delete"),
    Acl("audit-purge", "topic", "shirushi.challenge.answered.v1.dlq", "describe"),
    Acl("audit-purge", "topic", "shirushi.challenge.answered.v1.dlq", "delete"),
    Acl("audit-purge", "topic", "shirushi.verification.delayed.v1", "describe"),
    Acl("audit-purge", "topic", "shirushi.verification.delayed.v1", "delete"),
    Acl("audit-purge", "topic", "shirushi.verification.delayed.v1.dlq", "describe"),
    Acl("audit-purge", "topic", "shirushi.verification.delayed.v1.dlq", "delete"),
    Acl("audit-purge", "topic", "shirushi.verification.completed.v1", "describe"),
    Acl("audit-purge", "topic", "shirushi.verification.completed.v1", "delete"),
    Acl("audit-purge", "topic", "shirushi.verification.completed.v1.dlq", "describe"),
    Acl("audit-purge", "topic", "shirushi.verification.completed.v1.dlq", "delete"),
    Acl("audit-purge", "topic", "shirushi.login.progressed.v1", "describe"),
    Acl("audit-purge", "topic", "shirushi.login.progressed.v1", "delete"),
    Acl("audit-purge", "topic", "shirushi.login.progressed.v1.dlq", "describe"),
    Acl("audit-purge", "topic", "shirushi.login.progressed.v1.dlq", "delete"),
    Acl("audit-purge", "topic", "shirushi.login.concluded.v1", "describe"),
    Acl("audit-purge", "topic", "shirushi.login.concluded.v1", "delete"),
    Acl("audit-purge", "topic", "shirushi.login.concluded.v1.dlq", "describe"),
    Acl("audit-purge", "topic", "shirushi.login.concluded.v1.dlq", "delete"),
    Acl("audit-purge", "topic", "shirushi.purge.receipt.v1", "describe"),
    Acl("audit-purge", "topic", "shirushi.purge.receipt.v1", "delete"),
    Acl("audit-purge", "topic", "shirushi.purge.receipt.v1.dlq", "describe"),
    Acl("audit-purge", "topic", "shirushi.purge.receipt.v1.dlq", "delete"),
)

_PAYLOAD = {
    "cleanup.policy": "delete",
    "retention.ms": "1200000",
    "segment.ms": "600000",
    "file.delete.delay.ms": "1000",
    "message.timestamp.type": "LogAppendTime",
    "compression.type": "uncompressed",
}
_OPEN_TO_ALL = {
    "cleanup.policy": "delete",
    "retention.ms": "2592000000",
    "segment.ms": "86400000",
    "file.delete.delay.ms": "1000",
    "message.timestamp.type": "LogAppendTime",
    "compression.type": "uncompressed",
}
_KAFKA_TOPICS: tuple[KafkaTopic, ...] = (
    KafkaTopic("shirushi.login.requested.v1", 4, _PAYLOAD),
    KafkaTopic("shirushi.login.requested.v1.dlq", 4, _PAYLOAD),
    KafkaTopic("shirushi.challenge.claimed.v1", 4, _PAYLOAD),
    KafkaTopic("shirushi.challenge.claimed.v1.dlq", 4, _PAYLOAD),
    KafkaTopic("shirushi.challenge.cancelled.v1", 4, _PAYLOAD),
    KafkaTopic("shirushi.challenge.cancelled.v1.dlq", 4, _PAYLOAD),
    KafkaTopic("shirushi.challenge.answered.v1", 4, _PAYLOAD),
    KafkaTopic("shirushi.challenge.answered.v1.dlq", 4, _PAYLOAD),
    KafkaTopic("shirushi.verification.delayed.v1", 4, _PAYLOAD),
    KafkaTopic("shirushi.verification.delayed.v1.dlq", 4, _PAYLOAD),
    KafkaTopic("shirushi.verification.completed.v1", 4, _PAYLOAD),
    KafkaTopic("shirushi.verification.completed.v1.dlq", 4, _PAYLOAD),
    KafkaTopic("shirushi.login.progressed.v1", 4, _PAYLOAD),
    KafkaTopic("shirushi.login.progressed.v1.dlq", 4, _PAYLOAD),
    KafkaTopic("shirushi.login.concluded.v1", 4, _PAYLOAD),
    KafkaTopic("shirushi.login.concluded.v1.dlq", 4, _PAYLOAD),
    KafkaTopic("shirushi.purge.receipt.v1", 4, _OPEN_TO_ALL),
    KafkaTopic("shirushi.purge.receipt.v1.dlq", 4, _PAYLOAD),
)


def kafka_acls() -> tuple[Acl, ...]:
    """Return every permission that the broker gives; whatever is not among them it refuses."""
    return _KAFKA_ACLS


def kafka_topics() -> tuple[KafkaTopic, ...]:
    """Return every topic with its settings, dead-letter topics too."""
    return _KAFKA_TOPICS
