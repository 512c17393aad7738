"""RFC 5280 §6.1.3 (a)(2): the dates, to the second."""

from datetime import timedelta

import pytest
from verifier.domain.certificate import parse_certificate
from verifier.domain.refusal import Reason
from verifier.domain.validity import check_validity

from tests.support import jpki
from tests.support.refusals import reason_of

CERTIFICATE = parse_certificate(jpki.good_card().der)
BEGIN, END = CERTIFICATE.not_before, CERTIFICATE.not_after
MICRO = timedelta(microseconds=1)


@pytest.mark.parametrize("at", [BEGIN, BEGIN + MICRO, END - MICRO, END, END + timedelta(milliseconds=999)])
def test_both_ends_and_the_whole_last_second_belong_to_the_validity(at):
    check_validity(CERTIFICATE, at)


@pytest.mark.parametrize("at", [BEGIN - MICRO, BEGIN - timedelta(minutes=30), BEGIN - timedelta(days=9999)])
def test_before_its_time_a_certificate_is_not_yet_valid(at):
    assert reason_of(check_validity, CERTIFICATE, at) is Reason.CERTIFICATE_NOT_YET_VALID


@pytest.mark.parametrize("at", [END + timedelta(seconds=1), END + timedelta(minutes=30), END + timedelta(days=9999)])
def test_after_its_time_a_certificate_is_expired(at):
    assert reason_of(check_validity, CERTIFICATE, at) is Reason.CERTIFICATE_EXPIRED
