"""The envelope of every fact: sealed to its one receiver, signed by its one sender, tied to its login and epoch.

Who may send and open which type comes from the rights table. Opening checks, in this order: size, decoding, version,
type, sender, receiver, signature, epoch key, sealing, padding, schema.
"""

import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from google.protobuf.message import DecodeError, Message
from shirushi import rights
from shirushi.bus.v1 import envelope_pb2 as bus

from kit import crypto
from kit.custody import AHEAD_EPOCHS, Custody, KeyGone
from kit.encoding import length_prefixed
from kit.sealing import Sealer, SealingError, info, pad, unpad

VERSION = 1
MAX_EVENT_BYTES = 256 * 1024
EVENT_ID_BYTES = 16
LOGIN_ID_BYTES = 16
_U32 = struct.Struct(">I")

M = TypeVar("M", bound=Message)


class EventRejected(Exception):
    """A record that can never be handled, whoever tries; `reason` is snake_case and safe to log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class OpenedEvent(Generic[M]):
    """A fact whose sender, receiver, place and payload have been checked."""

    type: int
    event_id: bytes
    login_id: bytes
    epoch: int
    sender: str
    # Whoever prints an event in a traceback shall not print what it says.
    message: M = field(repr=False)


def type_of(message_class: type[Message]) -> int:
    """Returns the event type that carries a message class: LoginRequested is EVENT_TYPE_LOGIN_REQUESTED."""
    return _type_of_name(message_class.DESCRIPTOR.name)


@cache
def _type_of_name(name: str) -> int:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()
    return bus.EventType.Value(f"EVENT_TYPE_{words}")


def signature_message(envelope: bus.Envelope) -> bytes:
    """Returns what the sender signs: the label and fields 1 to 8, each length-prefixed."""
    return length_prefixed(
        b"shirushi event v1",
        _U32.pack(envelope.version),
        _U32.pack(envelope.type),
        envelope.event_id,
        envelope.login_id,
        _U32.pack(envelope.epoch),
        envelope.sender.encode(),
        envelope.receiver.encode(),
        envelope.sealed,
    )


class EventCodec:
    """Makes and opens envelopes for one service."""

    def __init__(
        self,
        *,
        service: str,
        signing_key: Ed25519PrivateKey,
        signers: Mapping[str, tuple[Ed25519PublicKey, ...]],
        custody: Custody,
        sealer: Sealer | None = None,
    ) -> None:
        self.service = service
        self.custody = custody
        self._signing_key = signing_key
        self._signers = signers
        self._sealer = sealer or Sealer()

    async def seal(self, type_: int, login_id: bytes, epoch: int, message: Message) -> bytes:
        """Returns the serialized, signed envelope of a fact.

        Raises:
            PermissionError: the rights table does not let this service send the type.
            KeyGone: the login's epoch is over.
            Unavailable: the receiver's sealing key cannot be had now.
        """
        return await self._seal(rights.TOPICS, type_, login_id, epoch, message)

    async def seal_inner(self, type_: int, login_id: bytes, epoch: int, message: Message) -> bytes:
        """Returns an envelope that travels inside another; raises like `seal`."""
        return await self._seal(rights.INNER, type_, login_id, epoch, message)

    def open_(self, raw: bytes, message_class: type[M]) -> OpenedEvent[M]:
        """Opens a record that is to carry a message of this class; the class decides the type.

        Raises:
            EventRejected: it can never be handled.
            KeyGone: its epoch is over.
            Unavailable: its epoch's key is not there yet.
        """
        return self._open(rights.TOPICS, raw, message_class)

    def open_inner(self, raw: bytes, message_class: type[M]) -> OpenedEvent[M]:
        """Opens an envelope that travelled inside another; raises like `open_`."""
        return self._open(rights.INNER, raw, message_class)

    async def _seal(
        self, topics: Mapping[int, rights.Topic], type_: int, login_id: bytes, epoch: int, message: Message
    ) -> bytes:
        topic = topics[type_]
        if topic.sender != self.service:
            raise PermissionError(f"{self.service} does not send {bus.EventType.Name(_known(type_))}")
        payload = message.SerializeToString()
        if not topic.open:
            receiver = str(topic.receiver)
            public_key = await self.custody.sealing_public(receiver, epoch)
            place = _info(type_, self.service, receiver, epoch, login_id)
            payload = self._sealer.seal(pad(payload, topic.bytes), public_key, place)
        envelope = bus.Envelope(
            version=VERSION,
            type=_known(type_),
            event_id=os.urandom(EVENT_ID_BYTES),
            login_id=login_id,
            epoch=epoch,
            sender=self.service,
            receiver=topic.receiver or "",
            sealed=payload,
        )
        envelope.signature = crypto.sign(self._signing_key, signature_message(envelope))
        return envelope.SerializeToString()

    def _open(self, topics: Mapping[int, rights.Topic], raw: bytes, message_class: type[M]) -> OpenedEvent[M]:
        type_ = type_of(message_class)
        topic = topics[type_]
        envelope = _decode(raw)
        if envelope.version != VERSION:
            raise EventRejected("unknown_version")
        if envelope.type != type_:
            raise EventRejected("wrong_type")
        if envelope.sender != topic.sender:
            raise EventRejected("wrong_sender")
        if envelope.receiver != (topic.receiver or ""):
            raise EventRejected("wrong_receiver")
        if len(envelope.event_id) != EVENT_ID_BYTES or len(envelope.login_id) not in (0, LOGIN_ID_BYTES):
            raise EventRejected("wrong_id")
        try:
            crypto.verify(self._signers.get(topic.sender, ()), envelope.signature, signature_message(envelope))
        except crypto.SignatureInvalid:
            raise EventRejected("wrong_signature") from None
        payload = self._read(envelope) if topic.open else self._unseal(envelope, type_)
        message = message_class()
        try:
            message.ParseFromString(payload)
        except DecodeError:
            raise EventRejected("wrong_schema") from None
        return OpenedEvent(
            type=type_,
            event_id=envelope.event_id,
            login_id=envelope.login_id,
            epoch=envelope.epoch,
            sender=envelope.sender,
            message=message,
        )

    def _read(self, envelope: bus.Envelope) -> bytes:
        # What concerns a login ends with its keys, sealed or not.
        if envelope.login_id and self.custody.clock.now() >= self.custody.hour.key_deadline(envelope.epoch):
            raise KeyGone
        return envelope.sealed

    def _unseal(self, envelope: bus.Envelope, type_: int) -> bytes:
        if envelope.receiver != self.service:
            raise EventRejected("wrong_receiver")
        if envelope.epoch > self.custody.hour.epoch_of(self.custody.clock.now()) + AHEAD_EPOCHS:
            # No key of it will be there for long: waiting for it would hold a place for nothing.
            raise EventRejected("epoch_ahead")
        private_key = self.custody.sealing_private(envelope.epoch)
        place = _info(type_, envelope.sender, envelope.receiver, envelope.epoch, envelope.login_id)
        try:
            return unpad(self._sealer.open_(envelope.sealed, private_key, place))
        except SealingError:
            raise EventRejected("does_not_open") from None


def _decode(raw: bytes) -> bus.Envelope:
    if len(raw) > MAX_EVENT_BYTES:
        raise EventRejected("too_large")
    envelope = bus.Envelope()
    try:
        envelope.ParseFromString(raw)
    except DecodeError:
        raise EventRejected("undecodable") from None
    return envelope


def _info(type_: int, sender: str, receiver: str, epoch: int, login_id: bytes) -> bytes:
    return info(VERSION, bus.EventType.Name(_known(type_)), sender, receiver, epoch, login_id)


def _known(type_: int) -> Any:
    return type_
