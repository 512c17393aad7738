"""The app API does what its own description says: schemathesis drives it, with strange tokens and with good ones."""

import asyncio
import os
from http import HTTPStatus

import schemathesis
import yaml
from challenge import problems
from challenge.domain.refusals import Refusal
from hypothesis import HealthCheck, Phase, settings
from kit.clock import SystemClock
from kit.encoding import b64u
from kit.testing.fake_custody import FakeDeployment

from tests.component.challenge.conftest import SEALED, App, Service

BOUNDED = settings(
    max_examples=int(os.environ.get("SHIRUSHI_SCHEMATHESIS_EXAMPLES", "12")),
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


def _started() -> Service:
    async def start() -> Service:
        clock = SystemClock()
        return Service(await FakeDeployment(clock=clock).start(), clock)

    return asyncio.run(start())


service = _started()
schema = schemathesis.openapi.from_asgi("/v1/openapi.yaml", service.app)


# That a point lies on its curve, no schema can say.
_BEYOND_A_SCHEMA = [schemathesis.checks.CHECKS.get_one("positive_data_acceptance")]
# After the replacement the data is no longer what schemathesis believes it to be.
_ABOUT_GENERATED_DATA = [*_BEYOND_A_SCHEMA, schemathesis.checks.CHECKS.get_one("negative_data_rejection")]


@schema.parametrize()
@BOUNDED
def test_any_request_is_answered_as_described(case):
    response = case.call()
    # What is too large is refused unread, so the answer says nothing about the data.
    unread = response.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    case.validate_response(response, excluded_checks=_ABOUT_GENERATED_DATA if unread else _BEYOND_A_SCHEMA)
    assert response.status_code < 500


@schema.parametrize()
@BOUNDED
def test_requests_about_a_real_challenge_are_answered_as_described(case):
    """Half of what schemathesis makes up is replaced by what a claiming phone would send."""
    phone = App()
    login = asyncio.run(service.issue())
    if isinstance(case.body, dict):
        if "token" in case.body:
            case.body["token"] = login.link
        if "claim_key" in case.body:
            case.body["claim_key"] = phone.jwk
            case.body["proof"] = phone.claim_proof(login.link)
    if case.path_parameters and "challenge_id" in case.path_parameters:
        _claim(phone, login)
        case.path_parameters["challenge_id"] = phone.challenge_id
        if isinstance(case.body, dict):
            _prove(case, phone)
    response = case.call()
    case.validate_response(response, excluded_checks=_ABOUT_GENERATED_DATA)
    assert response.status_code < 500


def _claim(phone, login):
    async def claim():
        async with service.client() as client:
            phone.client = client
            assert (await phone.claim(login.qr)).status_code == 200

    asyncio.run(claim())


def _prove(case, phone):
    match case.path.rsplit("/", 1)[-1]:
        case "answer":
            case.body.update(sealed_evidence=b64u(SEALED), proof=phone.answer_proof(phone.challenge_id, SEALED))
        case "cancel":
            case.body.update(reason="declined", proof=phone.cancel_proof(phone.challenge_id, "declined"))
        case "status":
            case.body.update(proof=phone.status_proof(phone.challenge_id, phone.nonce))


async def test_the_description_that_is_served_is_the_one_in_the_repository(client):
    response = await client.get("/v1/openapi.yaml")
    assert response.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(response.content)["openapi"].startswith("3.1")


async def test_every_code_is_described(client):
    described = yaml.safe_load((await client.get("/v1/openapi.yaml")).content)
    codes = set(described["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])
    rpc_only = {Refusal.NOT_ANSWERED, Refusal.ISSUED_OTHERWISE}
    assert codes == {*problems.STATUS} - rpc_only | {"unavailable", "internal"}


async def test_every_route_is_described_and_every_description_routed(client):
    described = yaml.safe_load((await client.get("/v1/openapi.yaml")).content)["paths"]
    for path, operations in described.items():
        for method in operations.keys() - {"parameters"}:
            response = await client.request(method, path.replace("{challenge_id}", "cAAAAAAAAAAAAAAAAAAAAAA"))
            assert response.status_code not in {405, 500}
            assert response.status_code != 404 or "challenge" in path
