"""The verdict as the gateway reads it, and the notice as only the phone does."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sandbox.ca.profile import Kind
from sandbox.phone import messages
from shirushi.evidence.v1 import evidence_pb2
from shirushi.verifier.v1 import events_pb2 as pb
from verifier.domain.refusal import Reason
from verifier.domain.revocation import RevocationCheck
from verifier.events import verdict_message

from tests.support import jpki
from tests.support.jpki import NOW

REVOCATION = RevocationCheck(checked_at=NOW, this_update=NOW - timedelta(seconds=90))
KEY = b"K" * 32
ROOT = Path(__file__).parents[3]


def test_a_verified_login_says_what_was_agreed_and_how_it_was_checked(check):
    verdict = verdict_message.verified(check(agreed=("name", "gender")), REVOCATION, b"sealed").verified
    assert verdict.binding == b"B" * 32
    assert list(verdict.agreed) == [evidence_pb2.ATTRIBUTE_NAME, evidence_pb2.ATTRIBUTE_GENDER]
    assert (verdict.attributes.name, verdict.attributes.gender) == ("番号　花子", "2")
    assert not verdict.attributes.HasField("address")
    assert verdict.attributes.source == evidence_pb2.ATTRIBUTES_SOURCE_CARD_APP
    assert verdict.assurance == pb.ASSURANCE_CARD
    assert verdict.revocation.method == pb.REVOCATION_METHOD_OCSP
    assert verdict.revocation.checked_at_ms - verdict.revocation.this_update_ms == 90_000
    assert verdict.sealed_subject == b"sealed"


def test_without_attributes_there_are_none(check):
    verdict = verdict_message.verified(check(), REVOCATION, b"sealed").verified
    assert not verdict.HasField("attributes")


def test_a_phone_is_told_apart_from_a_card(check):
    checked = check(cards=[jpki.good_card(Kind.PHONE, "p256", "p256")])
    assert verdict_message.verified(checked, REVOCATION, b"").verified.assurance == pb.ASSURANCE_PHONE


def test_the_verdict_holds_nothing_of_the_certificate(check):
    card = jpki.good_card()
    payload = verdict_message.verified(check(), REVOCATION, b"sealed").SerializeToString()
    for never in (card.der[:64], jpki.SERIAL.to_bytes(4, "big"), b"ABCDEFGHIJ", b"13221", str(jpki.SERIAL).encode()):
        assert never not in payload


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_number_and_its_notice(reason):
    verdict = verdict_message.refused(reason, KEY, "c1").refused
    assert pb.Reason.Name(verdict.reason) == f"REASON_{reason.name}"
    assert messages.open_notice(verdict.notice, KEY, "c1").reason == verdict.reason


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_documented(reason):
    assert f"| `{reason.name}` |" in (ROOT / "docs" / "errors.md").read_text()


def test_the_verifier_knows_every_reason_of_the_contract_that_is_its_own():
    # 1-3 come from challenge, 70 and above from the gateway.
    own = {name for name, number in pb.Reason.items() if 10 <= number < 70}
    assert own == {f"REASON_{reason.name}" for reason in Reason}


def test_without_a_key_there_is_no_notice():
    assert verdict_message.refused(Reason.EVIDENCE_UNREADABLE, None, "c1").refused.notice == b""


def test_a_notice_is_for_one_phone_and_one_challenge():
    notice = verdict_message.seal_notice(Reason.CERTIFICATE_REVOKED, KEY, "c1")
    with pytest.raises(ValueError, match="cannot be opened"):
        messages.open_notice(notice, b"k" * 32, "c1")
    with pytest.raises(ValueError, match="cannot be opened"):
        messages.open_notice(notice, KEY, "c2")
    with pytest.raises(InvalidTag):
        AESGCM(KEY).decrypt(notice[:12], notice[12:], b"")


def test_two_notices_never_look_alike():
    notices = {verdict_message.seal_notice(Reason.CERTIFICATE_REVOKED, KEY, "c1") for _ in range(20)}
    assert len(notices) == 20
    assert len({len(notice) for notice in notices}) == 1


def test_a_notice_is_as_short_as_challenge_takes():
    longest = max(len(verdict_message.seal_notice(reason, KEY, "c1")) for reason in Reason)
    bound = re.search(
        r"at most (\d+) bytes\.\n  bytes notice", (ROOT / "proto/shirushi/challenge/v1/challenge.proto").read_text()
    )
    assert longest <= int(bound[1])
