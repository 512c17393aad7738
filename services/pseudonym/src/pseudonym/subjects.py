"""Opens the verifier's SUBJECT_HANDLE envelope: signature, sender, receiver and type are the codec's checks."""

from typing import Protocol

from kit.custody import KeyGone
from kit.errors import Code, ShirushiError
from kit.events import EventRejected, OpenedEvent
from shirushi.verifier.v1.events_pb2 import SubjectHandle

from pseudonym.domain.derivation import Subject


class InnerCodec(Protocol):
    """The part of kit.events.EventCodec that is used here."""

    def open_inner(self, raw: bytes, message_class: type[SubjectHandle]) -> OpenedEvent[SubjectHandle]:
        """Opens a sealed message that travels inside another."""
        ...


class SealedSubjects:
    """Opens subjects with the service's keys of the epoch that the envelope names."""

    def __init__(self, codec: InnerCodec) -> None:
        self._codec = codec

    def open(self, sealed_subject: bytes) -> Subject:
        """Opens what the verifier sealed; that it is about the asked login is the domain's check.

        Raises:
            ShirushiError: FAILED_PRECONDITION `subject_unreadable` (not the verifier's, not sealed to pseudonym, not
                whole) or `login_expired` (the epoch's keys are gone); UNAVAILABLE while the keys are not there yet.
        """
        try:
            opened = self._codec.open_inner(sealed_subject, SubjectHandle)
        except KeyGone as error:
            raise ShirushiError(
                Code.FAILED_PRECONDITION, "the keys of this login are gone", reason="login_expired"
            ) from error
        except EventRejected as error:
            raise ShirushiError(
                Code.FAILED_PRECONDITION,
                "sealed_subject is not a subject that the verifier sealed to pseudonym",
                reason="subject_unreadable",
            ) from error
        return Subject(opened.login_id, opened.epoch, opened.message.handle, opened.message.sector_commitment)
