"""The phone library against a fake of the app API that opens and checks what it is sent."""

import hashlib

import aiohttp
import pytest
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from sandbox.phone import messages
from sandbox.phone.client import ApiError, Consent, Phone
from sandbox.phone.sealing_key import UntrustedKeyError
from shirushi.evidence.v1 import evidence_pb2 as pb
from shirushi.verifier.v1 import events_pb2 as verifier_pb

from sandbox import cards
from tests.support.app_api import AppApi, a_sheet


@pytest.fixture
def api():
    return AppApi()


@pytest.fixture
async def phone(api, test_authority):
    server = TestServer(api.app())
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        yield Phone(session, f"http://127.0.0.1:{server.port}", api.pinned, test_authority.app_instance)
    await server.close()


async def test_what_is_shown_is_what_the_gateway_sealed(api, phone):
    assert (await phone.resolve(api.link))["transport"] == "app_link"
    asked = await phone.claim(api.link)
    assert asked.sheet == api.sheet
    assert asked.network_hint == "same"


async def test_a_full_answer_holds_only_what_was_agreed(api, phone, state):
    asked = await phone.claim(api.link)
    await phone.approve(asked, cards.load(state, "hanako"), Consent("1234", ["name"], "5678"))
    evidence = api.evidence
    assert list(evidence.agreed) == [pb.ATTRIBUTE_NAME]
    assert evidence.attributes.name == "番号　花子"
    assert not evidence.attributes.HasField("address")
    assert evidence.attributes.source == pb.ATTRIBUTES_SOURCE_CARD_APP
    assert evidence.binding == messages.binding(api.sheet)
    assert evidence.nonce == api.nonce
    assert evidence.sealing_key_thumbprint == hashlib.sha256(api.pair.public_key).digest()
    assert evidence.sector_commitment == api.sheet.sector_commitment
    assert len(evidence.notice_key) == 32


async def test_nothing_of_the_person_is_sent_when_nothing_was_agreed(api, phone, state):
    asked = await phone.claim(api.link)
    await phone.approve(asked, cards.load(state, "hanako"), Consent("1234"))
    assert not api.evidence.HasField("attributes")
    assert "番号".encode() not in api.evidence.SerializeToString()


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [
        ("hanako", pb.SIGNATURE_ALGORITHM_RSA_PKCS1_SHA256),
        ("phone", pb.SIGNATURE_ALGORITHM_ECDSA_P256_SHA256),
        ("next-generation", pb.SIGNATURE_ALGORITHM_ECDSA_P384_SHA384),
    ],
)
async def test_card_and_app_sign_so_that_anyone_with_the_certificates_can_check(api, phone, state, name, algorithm):
    asked = await phone.claim(api.link)
    await phone.approve(asked, cards.load(state, name), Consent("1234"))
    evidence = api.evidence
    (signature,) = evidence.signatures
    assert signature.algorithm == algorithm
    key = x509.load_der_x509_certificate(evidence.certificates[0].der).public_key()
    message = messages.signed_message(evidence)
    if name == "hanako":
        key.verify(signature.value, message, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.verify(signature.value, message, ec.ECDSA(hashes.SHA256() if name == "phone" else hashes.SHA384()))
    attested = evidence.attestation
    der = encode_dss_signature(*(int.from_bytes(attested.signature[at : at + 32], "big") for at in (0, 32)))
    instance = x509.load_der_x509_certificate(attested.certificate_der)
    instance.public_key().verify(der, messages.attested_digest(evidence), ec.ECDSA(hashes.SHA256()))


async def test_the_same_answer_can_be_posted_again(api, phone, state):
    asked = await phone.claim(api.link)
    await phone.approve(asked, cards.load(state, "hanako"), Consent("1234"))
    first = api.evidence
    await phone.post_answer(asked)
    assert api.evidence == first


async def test_a_wrong_pin_sends_nothing(api, phone, state):
    asked = await phone.claim(api.link)
    with pytest.raises(cards.WrongPinError):
        await phone.approve(asked, cards.load(state, "hanako"), Consent("9999"))
    assert api.evidence is None


async def test_cancelling_says_why(api, phone):
    asked = await phone.claim(api.link)
    await phone.cancel(asked, "not_mine")
    assert api.cancelled == "not_mine"


async def test_the_exact_reason_reaches_the_phone_that_answered(api, phone, state):
    api.refusal = verifier_pb.REASON_CERTIFICATE_REVOKED
    asked = await phone.claim(api.link)
    assert (await phone.status(asked)).reason is None
    await phone.approve(asked, cards.load(state, "revoked"), Consent("1234"))
    status = await phone.status(asked)
    assert (status.state, status.reason) == ("refused", "CERTIFICATE_REVOKED")


async def test_nothing_is_answered_under_a_key_that_the_verifier_did_not_sign(api, phone):
    api.signer = Ed25519PrivateKey.generate()
    with pytest.raises(UntrustedKeyError):
        await phone.claim(api.link)


async def test_a_sheet_sealed_under_another_key_is_refused(api, phone):
    link = api.link
    api.sheet_key = bytes(32)
    with pytest.raises(messages.SheetError):
        await phone.claim(link)


async def test_the_qr_transport_binds_differently(api, phone, state):
    asked = await phone.claim(api.link)
    app_link = messages.binding(asked.sheet)
    api.sheet = a_sheet(pb.TRANSPORT_QR)
    asked = await phone.claim(api.link)
    assert asked.transport == "qr"
    assert messages.binding(asked.sheet) != app_link


async def test_a_problem_carries_its_code(api, phone):
    api.problem = (410, "token_expired")
    with pytest.raises(ApiError) as refused:
        await phone.claim(api.link)
    assert (refused.value.status, refused.value.code) == (410, "token_expired")
