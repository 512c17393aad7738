"""What the gateway asks for when it has a challenge issued, and the bounds on it."""

from collections.abc import Mapping
from dataclasses import dataclass

from kit.errors import Code, ShirushiError
from kit.hour import Hour

from challenge.domain.challenge import Challenge, State
from challenge.domain.token import Transport

LOGIN_ID_BYTES = 16
NETWORK_DIGEST_BYTES = 32
MAX_SHEET_BYTES = 4096
MAX_NOTICE_BYTES = 512


@dataclass(frozen=True, slots=True)
class IssueRequest:
    """A challenge to issue; times in Unix seconds."""

    login_id: bytes
    epoch: int
    sheets: Mapping[Transport, bytes]
    expires_at: int
    verdict_due_at: int
    network_digest: bytes


def check_login_id(login_id: bytes) -> None:
    """Check the one length that login ids have; raises ShirushiError(INVALID_ARGUMENT)."""
    _require(len(login_id) == LOGIN_ID_BYTES, f"login_id must have {LOGIN_ID_BYTES} bytes")


def check_notice(notice: bytes) -> None:
    """Check a notice's size (empty where the evidence gave no key); raises ShirushiError(INVALID_ARGUMENT)."""
    _require(len(notice) <= MAX_NOTICE_BYTES, f"notice must have at most {MAX_NOTICE_BYTES} bytes")


def check_issue_request(request: IssueRequest, hour: Hour, now: float) -> None:
    """Check sizes and times; raises ShirushiError(INVALID_ARGUMENT) naming the field."""
    check_login_id(request.login_id)
    _require(bool(request.sheets), "sheets must hold one sheet a transport")
    _require(
        all(0 < len(sheet) <= MAX_SHEET_BYTES for sheet in request.sheets.values()),
        f"a sealed sheet must have 1 to {MAX_SHEET_BYTES} bytes",
    )
    _require(
        len(request.network_digest) in {0, NETWORK_DIGEST_BYTES},
        f"network_digest must have {NETWORK_DIGEST_BYTES} bytes or none",
    )
    _require(request.expires_at > now, "expires_at must be in the future")
    _require(request.verdict_due_at >= request.expires_at, "verdict_due_at must not be before expires_at")
    _require(
        request.verdict_due_at <= hour.key_deadline(request.epoch), "verdict_due_at must be before the epoch's deadline"
    )


def issued(request: IssueRequest, handle: bytes) -> Challenge:
    """Return the new challenge."""
    return Challenge(
        handle=handle,
        login_id=request.login_id,
        epoch=request.epoch,
        expires_at=request.expires_at,
        verdict_due_at=request.verdict_due_at,
        state=State.ISSUED,
        sheets=request.sheets,
        network_digest=request.network_digest,
    )


def _require(holds: bool, rule: str) -> None:
    if not holds:
        raise ShirushiError(Code.INVALID_ARGUMENT, rule, reason="invalid_argument")
