"""What follows from the answers of the sources, and whom to ask."""

from datetime import timedelta

import pytest
from sandbox.ca.profile import Kind
from shirushi.evidence.v1 import evidence_pb2 as pb
from verifier.domain.ocsp import CertificateStatus, Standing
from verifier.domain.refusal import Reason, Refusal
from verifier.domain.revocation import Responders, SourceUnavailable, check_revocation

from tests.support import jpki
from tests.support.jpki import NOW

BOTH = {
    "cards": [jpki.good_card(), jpki.good_card(Kind.SIGN)],
    "agreed": ("name",),
    "source": pb.ATTRIBUTES_SOURCE_SIGNATURE_CERTIFICATE,
}
EARLIER = NOW - timedelta(minutes=3)


class Source:
    """Answers by authority."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked = []

    async def status_of(self, checked):
        self.asked.append(checked.anchor.authority.value)
        answer = self.answers[checked.anchor.authority.value]
        if isinstance(answer, Exception):
            raise answer
        return answer


def status(standing=Standing.GOOD, at=NOW):
    return CertificateStatus(standing, at)


async def test_a_good_certificate_stands(check):
    found = await check_revocation(check().certificates, Source(auth=status(at=EARLIER)), NOW)
    assert (found.checked_at, found.this_update) == (NOW, EARLIER)


async def test_every_certificate_is_asked_about_and_the_oldest_answer_counts(check):
    source = Source(auth=status(), sign=status(at=EARLIER))
    assert (await check_revocation(check(**BOTH).certificates, source, NOW)).this_update == EARLIER
    assert source.asked == ["auth", "sign"]


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (Standing.REVOKED, Reason.CERTIFICATE_REVOKED),
        (Standing.SUSPENDED, Reason.CERTIFICATE_SUSPENDED),
        (Standing.UNKNOWN, Reason.CERTIFICATE_UNKNOWN),
    ],
)
@pytest.mark.parametrize("bad", ["auth", "sign"])
@pytest.mark.parametrize("other", [status(), SourceUnavailable()], ids=["good", "unavailable"])
async def test_one_bad_certificate_refuses_whatever_becomes_of_the_other(standing, reason, bad, other, check):
    answers = {"auth": other, "sign": other, bad: status(standing)}
    with pytest.raises(Refusal) as refused:
        await check_revocation(check(**BOTH).certificates, Source(**answers), NOW)
    assert refused.value.reason is reason


@pytest.mark.parametrize("silent", ["auth", "sign"])
async def test_one_good_certificate_does_not_answer_for_the_other(silent, check):
    answers = {"auth": status(), "sign": status(), silent: SourceUnavailable()}
    with pytest.raises(SourceUnavailable):
        await check_revocation(check(**BOTH).certificates, Source(**answers), NOW)


async def test_what_breaks_in_asking_is_not_taken_for_an_answer(check):
    with pytest.raises(RuntimeError):
        await check_revocation(check().certificates, Source(auth=RuntimeError()), NOW)


def test_the_certificate_s_own_responder_is_asked(check):
    assert Responders().address(check().authentication) == "http://test-ocspauthnorm.jpki.go.jp"


def test_a_signature_certificate_names_none_so_the_configured_one_is_asked(check):
    signature = check(**BOTH).signature
    assert Responders().address(signature) is None
    assert Responders(signature="http://sign.example").address(signature) == "http://sign.example"
    assert Responders(signature="http://sign.example").address(check().authentication) != "http://sign.example"


def test_an_override_is_asked_about_everything(check):
    checked = check(**BOTH)
    responders = Responders(override="http://127.0.0.1:1", signature="http://sign.example")
    assert {responders.address(each) for each in checked.certificates} == {"http://127.0.0.1:1"}
