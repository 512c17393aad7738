"""Registrations: one row, one rule."""

import pytest
from gateway.domain.client import RegistrationError, client_from

GOOD = {
    "client_id": "city1",
    "name": "市役所",
    "redirect_uris": ["https://city.test/callback"],
    "jwks": {"keys": []},
}
TAKEN = [
    {"redirect_uris": ["http://localhost:8080/callback"]},
    {"redirect_uris": ["http://127.0.0.1/callback"]},
    {"redirect_uris": ["jp.test.city:/callback"], "sector_identifier": "city.test"},
    {"redirect_uris": ["https://a.test/", "https://b.test/"], "sector_identifier": "a.test"},
    {"name": {"ja": "市役所", "en": "City hall"}},
    {"scopes": ["openid", "name"], "essential": ["name"]},
    {"jwks": None, "jwks_uri": "https://city.test/jwks"},
    {"transports": ["qr"]},
]
REFUSED = [
    {"client_id": ""},
    {"client_id": "city-1"},
    {"client_id": "x" * 256},
    {"client_id": "市"},
    {"name": None},
    {"name": {"en": "City hall"}},
    {"name": "x" * 201},
    {"name": 7},
    {"purpose": "x" * 201},
    {"redirect_uris": []},
    {"redirect_uris": "https://city.test/callback"},
    {"redirect_uris": None},
    {"redirect_uris": [7]},
    {"redirect_uris": ["http://city.test/callback"]},
    {"redirect_uris": ["https://city.test/callback#fragment"]},
    {"redirect_uris": ["https://user@city.test/callback"]},
    {"redirect_uris": ["https://city.test/" + "x" * 255]},
    {"redirect_uris": ["https://"]},
    {"redirect_uris": ["https://["]},
    {"redirect_uris": ["/callback"]},
    {"redirect_uris": ["javascript:alert(1)"]},
    {"redirect_uris": ["https://city.test/call back"]},
    {"redirect_uris": ["https://city.test/\r\n"]},
    {"redirect_uris": ["https://a.test/", "https://b.test/"]},
    {"jwks": None},
    {"jwks": "keys"},
    {"jwks_uri": "https://city.test/jwks"},
    {"jwks": None, "jwks_uri": "http://city.test/jwks"},
    {"jwks": None, "jwks_uri": 7},
    {"scopes": ["name"]},
    {"scopes": ["openid", "email"]},
    {"scopes": [["openid"]]},
    {"transports": []},
    {"transports": ["nfc"]},
    {"essential": ["name"]},
    {"essential": ["openid"]},
    {"key_version": 0},
    {"key_version": "one"},
]


@pytest.mark.parametrize("changes", TAKEN)
def test_registrations_that_keep_the_rules(changes):
    assert client_from({**GOOD, **changes}).client_id == "city1"


@pytest.mark.parametrize("changes", REFUSED, ids=range(len(REFUSED)))
def test_registrations_that_break_one(changes):
    with pytest.raises(RegistrationError):
        client_from({**GOOD, **changes})


@pytest.mark.parametrize("entry", [None, [], "city", 7])
def test_what_is_no_registration(entry):
    with pytest.raises(RegistrationError):
        client_from(entry)


@pytest.mark.parametrize("name", ["name", "redirect_uris"])
def test_what_is_missing_is_named(name):
    with pytest.raises(RegistrationError, match=f"city1.*{name}"):
        client_from({key: value for key, value in GOOD.items() if key != name})


def test_the_sector_is_the_one_host_of_the_redirect_uris():
    assert client_from(GOOD).sector_identifier == "city.test"


def test_a_missing_language_falls_back_to_japanese():
    client = client_from({**GOOD, "purpose": {"ja": "本人確認"}})
    assert (client.shown_name("en"), client.shown_purpose("en")) == ("市役所", "本人確認")
