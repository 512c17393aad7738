"""Takes one answered challenge from sealed evidence to a verdict, or to the finding that none can be given yet."""

import hashlib
from typing import Protocol

from google.protobuf.message import Message
from kit.clock import Clock
from kit.events import EventRejected
from kit.hour import Hour
from kit.sealing import Sealer, SealingPrivateKey
from shirushi.bus.v1 import envelope_pb2 as bus_pb
from shirushi.challenge.v1 import events_pb2 as challenge_pb
from shirushi.verifier.v1 import events_pb2 as pb

from verifier.domain.certification_path import utc
from verifier.domain.deadline import verdict_due
from verifier.domain.evidence import NOTICE_KEY_BYTES
from verifier.domain.refusal import Reason, Refusal
from verifier.domain.revocation import RevocationSource, SourceUnavailable, check_revocation
from verifier.domain.signed_message import NONCE_BYTES, THUMBPRINT_BYTES, Issued
from verifier.domain.subject_handle import SubjectHandles
from verifier.domain.verdict import Checked, Rules, check_evidence
from verifier.events import verdict_message
from verifier.events.evidence_message import read_evidence, unseal

MAX_CHALLENGE_ID_CHARACTERS = 64


class SealingKeys(Protocol):
    """The part of kit.custody.Custody that is used here."""

    def sealing_private(self, epoch: int) -> SealingPrivateKey:
        """Returns the own key pair of an epoch; KeyGone, Unavailable."""
        ...


class InnerSealer(Protocol):
    """The part of kit.events.EventCodec that is used here."""

    async def seal_inner(self, type_: int, login_id: bytes, epoch: int, message: Message) -> bytes:
        """Returns a signed envelope that travels inside another; KeyGone, Unavailable."""
        ...


class Examination:
    """Examines answered challenges. Seeing one twice is no different from seeing it once: nothing is kept here.

    Args:
        keys: opens the evidence.
        codec: seals the subject handle to pseudonym.
        rules: what the deployment trusts and demands.
        source: knows what was revoked.
        handles: computes subject handles.
        clock: the time.
        hour: when verdicts are due.
        sealer: opens HPKE.
    """

    def __init__(
        self,
        *,
        keys: SealingKeys,
        codec: InnerSealer,
        rules: Rules,
        source: RevocationSource,
        handles: SubjectHandles,
        clock: Clock,
        hour: Hour,
        sealer: Sealer | None = None,
    ) -> None:
        self._keys = keys
        self._codec = codec
        self._rules = rules
        self._source = source
        self._handles = handles
        self._clock = clock
        self._hour = hour
        self._sealer = sealer or Sealer()

    async def verdict_on(
        self, login_id: bytes, epoch: int, answered: challenge_pb.ChallengeAnswered
    ) -> pb.VerificationCompleted | None:
        """Returns the verdict; None while no revocation source answers and the verdict is not due.

        Raises:
            EventRejected: what challenge says it issued is malformed.
            KeyGone: the login's epoch is over.
            Unavailable: a key that is needed is not there yet.
        """
        private_key = self._keys.sealing_private(epoch)
        issued = issued_by(answered, private_key.public_key)
        self._check_answered_after_its_beginning(epoch, issued)
        notice_key: bytes | None = None
        try:
            payload = unseal(answered.sealed_evidence, private_key, epoch, issued.challenge_id, self._sealer)
            evidence = read_evidence(payload)
            if len(evidence.notice_key) == NOTICE_KEY_BYTES:
                notice_key = evidence.notice_key
            now = utc(self._clock.now())
            checked = check_evidence(evidence, issued, self._rules, now)
            revocation = await check_revocation(checked.certificates, self._source, now)
        except Refusal as refusal:
            return verdict_message.refused(refusal.reason, notice_key, issued.challenge_id)
        except SourceUnavailable:
            if self._clock.now() < verdict_due(self._hour, epoch):
                return None
            return verdict_message.refused(Reason.REVOCATION_UNAVAILABLE, notice_key, issued.challenge_id)
        subject = await self._seal_subject(login_id, epoch, checked)
        return verdict_message.verified(checked, revocation, subject)

    def _check_answered_after_its_beginning(self, epoch: int, issued: Issued) -> None:
        """Refuses a moment of answering before the login's epoch: the app's attestation is judged as of then.

        A minute more is for the clocks of gateway and challenge.

        Raises:
            EventRejected: what challenge says is malformed.
        """
        if issued.answered_at < self._hour.epoch_start(epoch) - self._hour.minutes(1):
            raise EventRejected("malformed_challenge")

    async def _seal_subject(self, login_id: bytes, epoch: int, checked: Checked) -> bytes:
        certificate = checked.authentication.certificate
        handle = pb.SubjectHandle(
            handle=self._handles.handle(certificate.issuer_key_identifier, certificate.serial),
            sector_commitment=checked.sector_commitment,
        )
        return await self._codec.seal_inner(bus_pb.EVENT_TYPE_SUBJECT_HANDLE, login_id, epoch, handle)


def issued_by(answered: challenge_pb.ChallengeAnswered, sealing_public_key: bytes) -> Issued:
    """Translates what challenge says it issued.

    Raises:
        EventRejected: challenge never issues what is said here, so the holder has done nothing wrong.
    """
    if (
        not 1 <= len(answered.challenge_id) <= MAX_CHALLENGE_ID_CHARACTERS
        or len(answered.nonce) != NONCE_BYTES
        or len(answered.claim_key_thumbprint) != THUMBPRINT_BYTES
        or answered.expires_at <= 0
        or answered.answered_at_ms <= 0
    ):
        raise EventRejected("malformed_challenge")
    return Issued(
        challenge_id=answered.challenge_id,
        nonce=answered.nonce,
        expires_at=answered.expires_at,
        answered_at=answered.answered_at_ms / 1000,
        claim_key_thumbprint=answered.claim_key_thumbprint,
        sealing_key_thumbprint=hashlib.sha256(sealing_public_key).digest(),
    )
