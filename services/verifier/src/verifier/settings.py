"""The settings of the verifier, read once in `app.main`."""

from datetime import timedelta
from pathlib import Path

from kit.settings import ServiceSettings
from pydantic import Field

from verifier.domain.ocsp import Freshness
from verifier.domain.revocation import Responders

_URL = r"^https?://[^\s]{1,500}$"


class Settings(ServiceSettings):
    """What the verifier is told beside what every service is."""

    trust_anchors: Path = Field(
        description="Directory with the roots that people's certificates come from: auth/*.pem, sign/*.pem, phone/*.pem. "
        "Test roots are refused unless test mode is on."
    )
    attestation_anchors: Path = Field(
        description="Directory with the roots that vouch for app instances: *.pem. The sandbox's is refused unless test mode is "
        "on."
    )
    handle_key: Path = Field(
        description="32 bytes in hexadecimal: the key of the subject handles. Losing it changes every `sub` for ever: back it up."
    )
    phone_policy: str | None = Field(
        default=None,
        pattern=r"^[0-2](\.\d+)+$",
        description="Policy identifier of certificates in phones; none refuses them (in test mode: the sandbox's own).",
    )
    ocsp_url: str | None = Field(
        default=None,
        pattern=_URL,
        description="OCSP responder to ask about every certificate, instead of the one that the certificate names.",
    )
    signature_ocsp_url: str | None = Field(
        default=None,
        pattern=_URL,
        description="OCSP responder for signature certificates, which name none; without it they cannot be checked.",
    )
    ocsp_seconds: float = Field(
        default=3.0, gt=0, le=30, description="Longest time for one question to an OCSP responder."
    )
    ocsp_max_age_seconds: float = Field(
        default=900.0, gt=0, description="How old an OCSP answer may be (producedAt and thisUpdate)."
    )
    ocsp_tolerance_seconds: float = Field(
        default=60.0, ge=0, le=900, description="How far the OCSP responder's clock may be from ours."
    )

    ocsp_nonce_required: bool = Field(
        default=True,
        description="Whether an OCSP answer must hold the nonce of its question. false accepts answers without one, for a "
        "responder that makes them ahead, if they carry a nextUpdate to come and are no older than allowed; until then whoever "
        "stands between can repeat one, also for a card that was revoked meanwhile. One with another nonce is never accepted.",
    )

    @property
    def responders(self) -> Responders:
        """Where to ask about revocation."""
        return Responders(override=self.ocsp_url, signature=self.signature_ocsp_url)

    @property
    def freshness(self) -> Freshness:
        """How old an answer about revocation may be, and how that is known."""
        return Freshness(
            max_age=timedelta(seconds=self.ocsp_max_age_seconds),
            tolerance=timedelta(seconds=self.ocsp_tolerance_seconds),
            nonce_required=self.ocsp_nonce_required,
        )
