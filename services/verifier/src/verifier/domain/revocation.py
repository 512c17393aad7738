"""Decides, from what the sources answered, whether the certificates still stand; asks through a port."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from verifier.domain.certification_path import Authority
from verifier.domain.ocsp import CertificateStatus
from verifier.domain.verdict import CheckedCertificate, check_standing


class SourceUnavailable(Exception):
    """No revocation source gave a usable answer; a later try may get one."""


@dataclass(frozen=True, slots=True)
class Responders:
    """Whom to ask.

    Attributes:
        override: asked about every certificate, whatever it says itself; for the sandbox and for a local proxy.
        signature: asked about signature certificates, which name no responder (JPKI profile).
    """

    override: str | None = None
    signature: str | None = None

    def address(self, checked: CheckedCertificate) -> str | None:
        """Returns the address for a certificate; the one that it names was verified with it."""
        if self.override is not None:
            return self.override
        if checked.anchor.authority is Authority.SIGNATURE:
            return self.signature
        return checked.certificate.ocsp_url


class RevocationSource(Protocol):
    """Whoever knows which certificates were revoked."""

    async def status_of(self, checked: CheckedCertificate) -> CertificateStatus:
        """Returns the standing of a certificate now.

        Raises:
            SourceUnavailable
        """
        ...


@dataclass(frozen=True, slots=True)
class RevocationCheck:
    """That every certificate was good: when it was asked, and since when the oldest of the answers was known."""

    checked_at: datetime
    this_update: datetime


async def check_revocation(
    certificates: Sequence[CheckedCertificate], source: RevocationSource, now: datetime
) -> RevocationCheck:
    """Asks about all certificates at once.

    A certificate that is known to be bad refuses at once; another's missing answer could change nothing about it.

    Raises:
        Refusal: one of them is revoked, suspended or unknown.
        SourceUnavailable: one could not be asked about, and none is known to be bad.
    """
    answers = await asyncio.gather(
        *(source.status_of(certificate) for certificate in certificates), return_exceptions=True
    )
    statuses = [answer for answer in answers if isinstance(answer, CertificateStatus)]
    for status in statuses:
        check_standing(status)
    for answer in answers:
        if isinstance(answer, BaseException):
            raise answer
    return RevocationCheck(checked_at=now, this_update=min(status.this_update for status in statuses))
