"""What the responder says in each mode; the honest answers are also put to OpenSSL in the component tests."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID
from sandbox.ca.profile import Kind
from sandbox.jlis.responder import Mode, Responder
from sandbox.jlis.statuses import Statuses

from sandbox import cards

NONCE = bytes(range(32))


@pytest.fixture(scope="module")
def statuses(state):
    statuses = Statuses(state / "ca" / "issued.json")
    statuses.refresh()
    return statuses


@pytest.fixture(scope="module")
def responder(test_authority, statuses):
    return Responder(test_authority, statuses)


def ask(test_authority, certificate, kind=Kind.AUTH, generation=3, digest=None):
    issuer = test_authority.generations[kind, generation].certificate
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, digest or hashes.SHA256())
    request = builder.add_extension(x509.OCSPNonce(NONCE), critical=False).build()
    return request.public_bytes(serialization.Encoding.DER)


def certificate_of(state, name):
    return cards.load(state, name).authentication.certificate


def answer(responder, test_authority, state, mode=Mode.OK, name="hanako"):
    request = ask(test_authority, certificate_of(state, name))
    return ocsp.load_der_ocsp_response(responder.answer(request, mode))


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("hanako", ocsp.OCSPCertStatus.GOOD, None),
        ("expired", ocsp.OCSPCertStatus.GOOD, None),
        ("revoked", ocsp.OCSPCertStatus.REVOKED, None),
        ("suspended", ocsp.OCSPCertStatus.REVOKED, x509.ReasonFlags.certificate_hold),
    ],
)
@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA256()])
def test_a_card_has_its_status(responder, test_authority, state, name, status, reason, digest):
    card = cards.NAMES[name]
    request = ask(test_authority, certificate_of(state, name), generation=card.generation, digest=digest)
    response = ocsp.load_der_ocsp_response(responder.answer(request))
    assert response.certificate_status is status
    assert response.revocation_reason is reason


def test_an_honest_answer_is_signed_by_the_delegate_of_the_right_generation(responder, test_authority, state):
    response = answer(responder, test_authority, state)
    (delegate,) = response.certificates
    delegate.verify_directly_issued_by(test_authority.generations[Kind.AUTH, 3].certificate)
    usage = delegate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]
    delegate.public_key().verify(response.signature, response.tbs_response_bytes, ec.ECDSA(hashes.SHA256()))
    assert response.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == NONCE
    now = datetime.now(UTC)
    assert now - timedelta(seconds=5) < response.this_update_utc <= now < response.next_update_utc


def test_the_responder_may_have_an_rsa_key_as_in_operation(test_authority, statuses, state):
    response = answer(Responder(test_authority, statuses, "rsa"), test_authority, state)
    assert response.signature_algorithm_oid.dotted_string == "1.2.840.113549.1.1.11"


def test_synthetic_people_are_good_and_serials_never_issued_are_unknown(responder, test_authority, state):
    person = next(cards.people(state, test_authority, 1)).authentication.certificate
    response = ocsp.load_der_ocsp_response(responder.answer(ask(test_authority, person)))
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
    root = test_authority.generations[Kind.AUTH, 3].certificate
    response = ocsp.load_der_ocsp_response(responder.answer(ask(test_authority, root)))
    assert response.certificate_status is ocsp.OCSPCertStatus.UNKNOWN


def test_what_is_told_about_a_serial_holds_from_then_on(test_authority, state):
    statuses = Statuses(state / "ca" / "issued.json")
    statuses.refresh()
    taro = certificate_of(state, "taro")
    statuses.tell(Kind.AUTH, taro.serial_number, "revoked")
    response = answer(Responder(test_authority, statuses), test_authority, state, name="taro")
    assert response.certificate_status is ocsp.OCSPCertStatus.REVOKED


@pytest.mark.parametrize(
    ("mode", "status"),
    [
        (Mode.TRY_LATER, ocsp.OCSPResponseStatus.TRY_LATER),
        (Mode.UNAUTHORIZED, ocsp.OCSPResponseStatus.UNAUTHORIZED),
    ],
)
def test_the_modes_that_answer_without_an_answer(responder, test_authority, state, mode, status):
    assert answer(responder, test_authority, state, mode).response_status is status


def test_a_broken_request_is_answered_as_malformed(responder):
    response = ocsp.load_der_ocsp_response(responder.answer(b"\x30\x00"))
    assert response.response_status is ocsp.OCSPResponseStatus.MALFORMED_REQUEST


def test_the_wrong_signature_is_wrong_and_nothing_else(responder, test_authority, state):
    response = answer(responder, test_authority, state, Mode.WRONG_SIGNATURE)
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
    with pytest.raises(InvalidSignature):
        response.certificates[0].public_key().verify(
            response.signature, response.tbs_response_bytes, ec.ECDSA(hashes.SHA256())
        )


def test_the_other_wrong_answers_are_each_wrong_in_one_way(responder, test_authority, state):
    def told(mode):
        return answer(responder, test_authority, state, mode)

    assert told(Mode.WRONG_NONCE).extensions.get_extension_for_class(x509.OCSPNonce).value.nonce != NONCE
    assert not list(told(Mode.NO_NONCE).extensions)
    assert told(Mode.WRONG_SERIAL).serial_number == certificate_of(state, "hanako").serial_number + 1
    assert told(Mode.NO_RESPONDER).certificates == []
    assert told(Mode.WRONG_RESPONDER).certificates[0] == test_authority.app_instance.certificate
    assert told(Mode.STALE).next_update_utc < datetime.now(UTC)
    assert told(Mode.FUTURE).this_update_utc > datetime.now(UTC)
    assert told(Mode.UNKNOWN).certificate_status is ocsp.OCSPCertStatus.UNKNOWN
    assert told(Mode.REVOKED).certificate_status is ocsp.OCSPCertStatus.REVOKED
    assert told(Mode.SUSPENDED).revocation_reason is x509.ReasonFlags.certificate_hold
