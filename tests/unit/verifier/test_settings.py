"""The settings of the verifier: what an operator may write, and what is refused at start."""

from datetime import timedelta

import pytest
from pydantic import ValidationError
from verifier.settings import Settings

NEEDED = (
    "tls_certificate", "tls_key", "tls_ca", "signing_key", "signers", "service_secret", "trust_anchors",
    "attestation_anchors", "handle_key",
)  # fmt: skip


@pytest.fixture
def made(monkeypatch):
    """Settings from the environment, with everything that is needed."""

    def make(**given):
        for name in NEEDED:
            monkeypatch.setenv(f"SHIRUSHI_{name.upper()}", f"/run/{name}")
        for name, value in given.items():
            monkeypatch.setenv(f"SHIRUSHI_{name.upper()}", value)
        return Settings.load()

    return make


def test_what_is_not_said_has_a_default(made):
    settings = made()
    assert (settings.responders.override, settings.responders.signature) == (None, None)
    assert settings.freshness.max_age == timedelta(minutes=15)
    assert settings.freshness.tolerance == timedelta(minutes=1)
    assert settings.freshness.nonce_required
    assert settings.phone_policy is None
    assert not settings.test_mode


def test_addresses_and_times_are_taken(made):
    settings = made(
        ocsp_url="http://127.0.0.1:8449/",
        signature_ocsp_url="https://sign.example/ocsp",
        ocsp_max_age_seconds="60",
        ocsp_tolerance_seconds="5",
        phone_policy="1.2.392.200149.8.5.1.9.9",
    )
    assert settings.responders.override == "http://127.0.0.1:8449/"
    assert settings.responders.signature == "https://sign.example/ocsp"
    assert (settings.freshness.max_age, settings.freshness.tolerance) == (timedelta(minutes=1), timedelta(seconds=5))


def test_an_operator_may_do_without_nonces(made):
    assert not made(ocsp_nonce_required="false").freshness.nonce_required


@pytest.mark.parametrize("name", ["trust_anchors", "attestation_anchors", "handle_key", "signing_key"])
def test_what_is_needed_must_be_said(name, made, monkeypatch):
    made()
    monkeypatch.delenv(f"SHIRUSHI_{name.upper()}")
    with pytest.raises(ValidationError, match=name):
        Settings.load()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ocsp_url", "ldap://responder.example"),
        ("ocsp_url", "responder.example"),
        ("ocsp_url", "http://two words"),
        ("signature_ocsp_url", ""),
        ("phone_policy", "policy"),
        ("phone_policy", "1."),
        ("ocsp_seconds", "0"),
        ("ocsp_seconds", "31"),
        ("ocsp_max_age_seconds", "0"),
        ("ocsp_tolerance_seconds", "-1"),
        ("ocsp_nonce_required", "perhaps"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(name, value, made):
    with pytest.raises(ValidationError, match=name):
        made(**{name: value})


def test_every_field_is_described():
    assert all(field.description for field in Settings.model_fields.values())
