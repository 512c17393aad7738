"""Refusals of private_key_jwt at the token endpoint: one row, one rule (RFC 7521, RFC 7523, OpenID Connect Core §9)."""

import base64
import json

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.component.gateway.conftest import BANK_KEY, CITY_KEY
from tests.component.gateway.relying_party import NOTHING, generated
from tests.component.gateway.world import ISSUER, OIDC, TOKEN_ENDPOINT

NOW = 1_795_000_020
DAY = 86_400
REFUSED_CLAIMS = [
    ({"iss": NOTHING}, "iss and sub"),
    ({"sub": NOTHING}, "iss and sub"),
    ({"iss": "bank"}, ""),
    ({"sub": "bank"}, "iss and sub"),
    ({"iss": "bank", "sub": "bank"}, ""),
    ({"iss": 7, "sub": 7}, "iss and sub"),
    ({"iss": ["city"], "sub": ["city"]}, "iss and sub"),
    ({"aud": NOTHING}, "aud"),
    ({"aud": "https://other.test/token"}, "aud"),
    ({"aud": TOKEN_ENDPOINT + "/"}, "aud"),
    ({"aud": []}, "aud"),
    ({"aud": [TOKEN_ENDPOINT, "https://other.test/token"]}, "aud"),
    ({"aud": {}}, "aud"),
    ({"aud": [["x"]]}, "aud"),
    ({"exp": NOTHING}, "exp"),
    ({"exp": NOW - 60}, "expired"),
    ({"exp": NOW + 2 * DAY}, "too far"),
    ({"exp": str(NOW + 60)}, "exp"),
    ({"exp": True}, "exp"),
    ({"exp": 1e300}, "exp"),
    ({"exp": -1}, "exp"),
    ({"exp": [NOW]}, "exp"),
    ({"iat": NOW + 120}, "iat"),
    ({"iat": "now"}, "iat"),
    ({"nbf": NOW + 120}, "nbf"),
    ({"nbf": {}}, "nbf"),
    ({"jti": NOTHING}, "jti"),
    ({"jti": ""}, "jti"),
    ({"jti": 7}, "jti"),
    ({"jti": "x" * 256}, "jti"),
    ({"jti": "日本"}, "jti"),
]
REFUSED_HEADERS = [{"typ": "at+jwt"}, {"kid": "another"}]
TAKEN = [
    {"aud": ISSUER},
    {"aud": [TOKEN_ENDPOINT]},
    {"aud": [ISSUER, TOKEN_ENDPOINT]},
    {"exp": NOW + 5},
    {"exp": NOW + DAY},
    {"iat": NOTHING},
    {"nbf": NOW},
    {"iat": NOW - 10, "exp": NOW + 1.5},
]


def part(content):
    return (
        base64.urlsafe_b64encode(content if isinstance(content, bytes) else json.dumps(content).encode())
        .rstrip(b"=")
        .decode()
    )


def claims(**changes):
    return {"iss": "city", "sub": "city", "aud": TOKEN_ENDPOINT, "jti": "j", "exp": NOW + 60, **changes}


async def refused(city, assertion, **changes):
    """The description of the refusal that an assertion must end in, whatever the code."""
    response = await city.redeem("code", client_assertion=assertion, **changes)
    assert response.status_code == 401
    assert response.headers["www-authenticate"]
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert body["error"] == "invalid_client"
    return body["error_description"]


@pytest.mark.parametrize(("header", "challenge"), [("Basic Y2l0eTp4", "Basic realm="), ("bearer x", "Bearer error=")])
async def test_authentication_in_the_header_is_refused_in_its_own_scheme(gateway, city, header, challenge):
    async with gateway.http(headers={"authorization": header}) as http:
        response = await http.post(TOKEN_ENDPOINT, data=city.token_form("code"))
    assert response.status_code == 401
    assert response.headers["www-authenticate"].startswith(challenge)
    assert response.json()["error"] == "invalid_client"


@pytest.mark.parametrize(("changes", "said"), REFUSED_CLAIMS)
async def test_claims_that_break_a_rule(city, changes, said):
    assert said in await refused(city, city.assertion(**changes))


async def test_a_key_that_was_registered_without_an_id_may_be_called_anything(gateway, city):
    (entry,) = [entry for entry in gateway.registrations.entries if entry["client_id"] == "city"]
    nameless = {name: value for name, value in CITY_KEY.as_dict(private=False).items() if name != "kid"}
    entry["jwks"] = {"keys": [generated().as_dict(private=False), nameless]}
    await gateway.registry.refresh()
    for kid in ("my-key", NOTHING):
        response = await city.redeem("code", client_assertion=city.assertion(header={"kid": kid}))
        assert response.json()["error"] == "invalid_grant"
    forged = city.assertion(key=generated(), header={"kid": "my-key"})
    assert "not signed" in await refused(city, forged)


async def test_a_key_that_was_registered_with_an_id_is_that_one_only(city):
    assert "not signed" in await refused(city, city.assertion(header={"kid": "another"}))


@pytest.mark.parametrize("changes", TAKEN)
async def test_claims_that_keep_the_rules(city, changes):
    response = await city.redeem("code", client_assertion=city.assertion(**changes))
    assert response.json()["error"] == "invalid_grant"


async def test_an_assertion_is_good_once(collected, city):
    code = await collected()
    assertion = city.assertion()
    first = await city.redeem(code, client_assertion=assertion)
    assert first.status_code == 200
    assert "jti" in await refused(city, assertion)


async def test_the_same_jti_in_another_assertion_is_refused_too(city):
    await city.redeem("code", client_assertion=city.assertion(jti="one"))
    assert "jti" in await refused(city, city.assertion(jti="one", exp=NOW + 90))


async def test_two_clients_may_use_the_same_jti(city, bank):
    await city.redeem("code", client_assertion=city.assertion(jti="one"))
    response = await bank.redeem("code", client_assertion=bank.assertion(jti="one"))
    assert response.json()["error"] == "invalid_grant"


async def test_a_jti_is_remembered_for_as_long_as_its_assertion_is_taken(gateway, city):
    await city.redeem("code", client_assertion=city.assertion(jti="one", exp=NOW + 5))
    gateway.clock.advance(20)
    await gateway.store.collection("assertion_ids").purge(gateway.clock.now())
    assert "client_assertion" in await refused(city, city.assertion(jti="one", exp=NOW + 5, iat=NOW))


async def test_no_assertion_id_rests_in_clear(gateway, city):
    await city.redeem("code", client_assertion=city.assertion(jti="one-time-id"))
    (kept,) = gateway.store.collection("assertion_ids").rows
    assert len(kept) == 32


async def test_a_key_that_is_not_registered(city):
    stranger = generated()
    assert "key" in await refused(city, city.assertion(key=stranger))
    assert "key" in await refused(city, city.assertion(key=stranger, header={"kid": CITY_KEY.kid}))
    assert "key" in await refused(city, city.assertion(key=stranger, header={"kid": NOTHING}))


async def test_another_clients_key(city):
    assert await refused(city, city.assertion(key=BANK_KEY))


async def test_an_assertion_of_another_client_does_not_speak_for_this_one(city, bank):
    assert await refused(city, bank.assertion())


async def test_the_client_id_may_be_left_to_the_assertion(collected, city):
    assert (await city.redeem(await collected(), client_id=NOTHING)).status_code == 200


async def test_an_assertion_without_kid_is_taken(city):
    response = await city.redeem("code", client_assertion=city.assertion(header={"kid": NOTHING}))
    assert response.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("header", REFUSED_HEADERS)
async def test_headers_that_break_a_rule(city, header):
    await refused(city, city.assertion(header=header))


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "ES512", "EdDSA", "", None, 7, ["ES256"], {}])
async def test_algorithms_that_are_not_taken(city, algorithm):
    signature = part(b"s" * 64)
    for end in ("", signature):
        await refused(city, f"{part({'alg': algorithm})}.{part(claims())}.{end}")


async def test_the_public_key_is_no_shared_secret(city):
    """The classic confusion: HS256 with the registered key as the secret."""
    secret = OctKey.import_key(json.dumps(CITY_KEY.as_dict(private=False)).encode())
    forged = jwt.encode({"alg": "HS256", "kid": CITY_KEY.kid}, claims(), secret, algorithms=["HS256"])
    await refused(city, forged)


BROKEN = [
    "",
    "x",
    ".",
    "..",
    "....",
    "a.b.c",
    "é.é.é",
    part(b"[]") + "." + part(claims()) + ".",
    part({"alg": "ES256"}) + "." + part(b"[]") + ".AA",
    part({"alg": "ES256"}) + "." + part(b"null") + ".AA",
    part({"alg": "ES256"}) + "." + part(b"\xff\xfe") + ".AA",
    part({"alg": "ES256"}) + "." + part(b"[" * 1500) + ".AA",
    part(b"[" * 1500) + "." + part(claims()) + ".AA",
    part(b'{"a":' * 290) + "." + part(claims()) + ".AA",
    part({"alg": "ES256", "crit": ["b64"], "b64": False}) + "." + part(claims()) + ".AA",
    part({"alg": "ES256", "crit": 7}) + "." + part(claims()) + ".AA",
    part({"alg": "ES256", "kid": ["a"]}) + "." + part(claims()) + ".AA",
    part({"alg": "ES256", "kid": 7}) + "." + part(claims()) + "." + part(b"s" * 64),
    part({"alg": "ES256", "jwk": {"kty": "oct", "k": "AA"}}) + "." + part(claims()) + "." + part(b"s" * 64),
    part({"alg": "ES256", "zip": "DEF"}) + "." + part(claims()) + "." + part(b"s" * 64),
    "x" * 4097,
    "x" * 5000,
]


@pytest.mark.parametrize("assertion", BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("client_id", ["city", NOTHING])
async def test_what_is_no_signed_jwt(city, assertion, client_id):
    response = await city.post_token({**city.token_form("code", client_id=client_id), "client_assertion": assertion})
    assert response.status_code in {400, 401}
    assert response.json()["error"] in {"invalid_client", "invalid_request"}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_assertion": NOTHING},
        {"client_assertion_type": NOTHING},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"},
        {"client_id": "nobody"},
        {"client_id": "bank"},
        {"client_secret": "secret"},
    ],
)
async def test_other_ways_to_authenticate(city, changes):
    form = {**city.token_form("code"), **changes}
    form = {name: value for name, value in form.items() if value is not NOTHING}
    response = await city.post_token(form)
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


async def test_a_client_that_was_removed_is_nobody(gateway, city):
    gateway.registrations.entries = [e for e in gateway.registrations.entries if e["client_id"] != "city"]
    await gateway.registry.refresh()
    await refused(city, city.assertion())


async def test_a_key_that_was_replaced_is_nobodys(gateway, city):
    successor = generated()
    await city.redeem("code")
    (entry,) = [e for e in gateway.registrations.entries if e["client_id"] == "city"]
    entry["jwks"] = {"keys": [successor.as_dict(private=False)]}
    await gateway.registry.refresh()
    await refused(city, city.assertion())
    response = await city.redeem("code", client_assertion=city.assertion(key=successor))
    assert response.json()["error"] == "invalid_grant"


async def test_basic_authentication_is_no_client_assertion(gateway, city):
    async with gateway.http() as http:
        form = city.token_form("code", client_assertion_type=NOTHING)
        form.pop("client_assertion")
        response = await http.post(f"{OIDC}/token", data=form, auth=("city", "secret"))
    assert response.json()["error"] == "invalid_client"
