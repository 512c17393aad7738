"""Any field missing, doubled, too long, of the wrong type or not UTF-8: a problem, and nothing of it repeated or logged."""

import json

import pytest
from kit.encoding import b64u
from structlog.testing import capture_logs

from tests.component.challenge.conftest import SEALED

MARK = "geheimnis"
JSON = {"content-type": "application/json"}
ROUTES = ["resolve", "claim", "{id}/answer", "{id}/cancel", "{id}/status"]


@pytest.fixture
async def bodies(service, app):
    """A good body of every route."""
    login = await service.issue()
    await app.claim(login.link)
    second = await service.issue()
    return {
        "resolve": {"token": second.link},
        "claim": {"token": second.link, "claim_key": app.jwk, "proof": app.claim_proof(second.link)},
        "{id}/answer": {"sealed_evidence": b64u(SEALED), "proof": app.answer_proof(app.challenge_id, SEALED)},
        "{id}/cancel": {"reason": "declined", "proof": app.cancel_proof(app.challenge_id, "declined")},
        "{id}/status": {"proof": app.status_proof(app.challenge_id, app.nonce)},
    }


@pytest.fixture
def post(app, client):
    async def send(route, content, headers=JSON):
        path = "/v1/challenges/" + route.replace("{id}", app.challenge_id)
        with capture_logs() as logs:
            response = await client.post(path, content=content, headers=headers)
        assert MARK not in response.text
        assert MARK not in repr(logs)
        if response.status_code >= 400:
            assert response.headers["content-type"] == "application/problem+json"
            assert set(response.json()) <= {"type", "title", "status", "detail", "code"}
        return response

    return send


def refused(response, status=400, code="malformed_request"):
    return (response.status_code, response.json().get("code")) == (status, code)


@pytest.mark.parametrize("route", ROUTES)
async def test_every_field_is_needed_once_and_of_its_kind(bodies, post, route):
    good = bodies[route]
    for name in good:
        missing = {other: value for other, value in good.items() if other != name}
        response = await post(route, json.dumps(missing).encode())
        assert refused(response), name
        assert name in response.json()["detail"]
        for wrong in (None, 7, True, [], {}, "", MARK, MARK * 400, good[name] * 2 if name != "claim_key" else []):
            if name == "sealed_evidence" and isinstance(wrong, str) and len(wrong) > len(good[name]):
                continue  # longer evidence is other evidence
            response = await post(route, json.dumps({**good, name: wrong}).encode())
            assert refused(response) or refused(response, 413, "too_large"), (name, wrong)
        doubled = json.dumps(good)[:-1] + f', "{name}": {json.dumps(good[name])}}}'
        assert refused(await post(route, doubled.encode())), name
        spoiled = json.dumps({**good, name: MARK}).encode().replace(MARK.encode(), b"\xff\xfe")
        assert refused(await post(route, spoiled)), name
    assert refused(await post(route, json.dumps({**good, MARK: MARK}).encode()))
    assert (await post(route, json.dumps(good).encode())).status_code in {200, 202}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"' + MARK.encode() + b'"',
        b"{}{}",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"[" * 4000,
        b'{"token":' * 400,
        b'{"token": NaN}',
        b'{"token": "\\ud800"}',
        b'{"token": ' + b"9" * 4000 + b"}",
    ],
)
@pytest.mark.parametrize("route", ROUTES)
async def test_what_is_no_such_object_is_malformed(bodies, post, route, content):
    assert refused(await post(route, content))


@pytest.mark.parametrize("member", ["d", "kid", "alg"])
async def test_a_claim_key_has_its_public_members_only(bodies, post, member):
    body = bodies["claim"]
    body["claim_key"] = {**body["claim_key"], member: MARK}
    assert refused(await post("claim", json.dumps(body).encode()))


@pytest.mark.parametrize(
    ("name", "value"), [("kty", "OKP"), ("crv", "P-384"), ("x", "A" * 43), ("y", "A" * 43), ("x", "!" * 43)]
)
async def test_a_claim_key_is_a_point_on_its_curve(bodies, post, name, value):
    body = bodies["claim"]
    body["claim_key"] = {**body["claim_key"], name: value}
    response = await post("claim", json.dumps(body).encode())
    assert refused(response)
    assert "claim_key" in response.json()["detail"]


async def test_base64url_has_one_spelling(bodies, post, app):
    body = bodies["{id}/answer"]
    for sealed in (b64u(SEALED) + "=", b64u(SEALED)[:-1] + "9", "+" + b64u(SEALED)[1:]):
        assert refused(await post("{id}/answer", json.dumps({**body, "sealed_evidence": sealed}).encode()))


@pytest.mark.parametrize(
    "media_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", "application/jsonp"],
)
@pytest.mark.parametrize("route", ROUTES)
async def test_another_media_type_is_refused(bodies, post, route, media_type):
    headers = {"content-type": media_type} if media_type else {}
    assert refused(await post(route, json.dumps(bodies[route]).encode(), headers), 415, "unsupported_media_type")


@pytest.mark.parametrize("media_type", ["application/json; charset=utf-8", 'Application/JSON;charset="UTF-8"'])
async def test_json_may_say_its_charset(bodies, post, media_type):
    response = await post("resolve", json.dumps(bodies["resolve"]).encode(), {"content-type": media_type})
    assert response.status_code == 200


@pytest.mark.parametrize("route", ROUTES)
async def test_a_body_is_bounded(bodies, post, route):
    bound = 65536 if route.endswith("answer") else 4096
    good = json.dumps(bodies[route]).encode()
    assert (await post(route, good + b" " * (bound - len(good)))).status_code in {200, 202}
    assert refused(await post(route, good + b" " * (bound + 1 - len(good))), 413, "too_large")

    async def endless():
        for _ in range(100):
            yield b" " * 4096

    assert refused(await post(route, endless()), 413, "too_large")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
async def test_another_method_is_refused_with_those_allowed(client, method):
    response = await client.request(method, "/v1/challenges/claim")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    if method != "HEAD":
        assert response.json()["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    "path",
    ["/", "/v1", "/v1/", "/v2/info", "/v1/challenges", "/v1/challenges/claim/", "/v1/info/", f"/{MARK}", "/v1/%ff"],
)
async def test_an_unknown_path_is_a_problem(client, path):
    response = await client.get(path)
    assert refused(response, 404, "not_found")
    assert MARK not in response.text


@pytest.mark.parametrize("challenge_id", ["c", MARK, "c" + "A" * 21 + "B", "c" + "%C3%A9" * 22, "c" + "A" * 2000])
@pytest.mark.parametrize("route", ["answer", "cancel", "status"])
async def test_no_other_text_names_a_challenge(bodies, client, challenge_id, route):
    response = await client.post(f"/v1/challenges/{challenge_id}/{route}", json=bodies["{id}/" + route])
    assert refused(response, 404, "challenge_unknown")
    assert MARK not in response.text


async def test_an_unforeseen_error_is_blank(service, client, bodies, monkeypatch):
    async def broken(handle):
        raise RuntimeError(MARK)

    monkeypatch.setattr(service.collection, "get", broken)
    response = await client.post("/v1/challenges/resolve", json=bodies["resolve"])
    assert refused(response, 500, "internal")
    assert MARK not in response.text


async def test_other_logins_are_unharmed(service, app, post, bodies):
    for route in ROUTES:
        await post(route, b"{")
        await post(route, b"\xff" * 5000)
    assert (await app.answer()).status_code == 202
