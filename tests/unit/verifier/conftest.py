import hashlib

import pytest
from verifier.domain.signed_message import Issued
from verifier.domain.verdict import check_evidence
from verifier.events.evidence_message import read_evidence

from tests.support import evidence as phone
from tests.support import jpki


@pytest.fixture(scope="session")
def rules():
    return jpki.rules()


@pytest.fixture
def issued():
    return Issued(
        challenge_id=phone.CHALLENGE_ID,
        nonce=phone.NONCE,
        expires_at=phone.EXPIRES_AT,
        answered_at=jpki.T0 + 1,
        claim_key_thumbprint=phone.CLAIM_KEY_THUMBPRINT,
        sealing_key_thumbprint=hashlib.sha256(phone.Answer().sealing_key).digest(),
    )


@pytest.fixture
def read():
    """The evidence of an answer as the verifier decodes it."""
    return lambda **changes: read_evidence(phone.Answer(**changes).evidence().SerializeToString())


@pytest.fixture
def check(read, issued, rules):
    """Everything but revocation, of an answer that is honest but for the changes."""
    return lambda given=rules, now=jpki.NOW, **changes: check_evidence(read(**changes), issued, given, now)
