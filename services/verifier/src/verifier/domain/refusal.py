"""The reasons for which the verifier refuses, and the exception that carries one from a check to the verdict."""

from enum import Enum


class Reason(Enum):
    """The part of the closed list of reasons that the verifier can give; docs/errors.md says when."""

    EVIDENCE_UNREADABLE = "evidence_unreadable"
    EVIDENCE_INCOMPLETE = "evidence_incomplete"
    CERTIFICATE_MALFORMED = "certificate_malformed"
    CERTIFICATE_WRONG_KIND = "certificate_wrong_kind"
    CERTIFICATE_EXPIRED = "certificate_expired"
    CERTIFICATE_NOT_YET_VALID = "certificate_not_yet_valid"
    CERTIFICATE_UNTRUSTED = "certificate_untrusted"
    CERTIFICATE_WRONG_POLICY = "certificate_wrong_policy"
    CERTIFICATE_WRONG_USAGE = "certificate_wrong_usage"
    CERTIFICATE_WEAK_KEY = "certificate_weak_key"
    CERTIFICATE_REVOKED = "certificate_revoked"
    CERTIFICATE_SUSPENDED = "certificate_suspended"
    CERTIFICATE_UNKNOWN = "certificate_unknown"
    MESSAGE_MISMATCH = "message_mismatch"
    CHALLENGE_EXPIRED = "challenge_expired"
    SIGNATURE_INVALID = "signature_invalid"
    SIGNATURE_ALGORITHM = "signature_algorithm"
    ATTESTATION_INVALID = "attestation_invalid"
    ATTRIBUTES_MISMATCH = "attributes_mismatch"
    ATTRIBUTES_FORBIDDEN_SOURCE = "attributes_forbidden_source"
    REVOCATION_UNAVAILABLE = "revocation_unavailable"


class Refusal(Exception):
    """The evidence does not pass a check; carries the reason and deliberately nothing of what was checked."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason
