"""The settings are bounded, and none is a secret itself."""

import pytest
from challenge.settings import Settings
from pydantic import ValidationError

PATHS = dict.fromkeys(
    (
        "tls_certificate",
        "tls_key",
        "tls_ca",
        "signing_key",
        "signers",
        "service_secret",
        "public_tls_certificate",
        "public_tls_key",
        "network_hint_key",
    ),
    "/nowhere",
)


def test_paths_are_all_that_must_be_given():
    assert Settings(**PATHS).qr_step_seconds == 5


@pytest.mark.parametrize("missing", PATHS)
def test_a_missing_path_is_named(missing):
    with pytest.raises(ValidationError, match=missing):
        Settings(**{name: path for name, path in PATHS.items() if name != missing})


@pytest.mark.parametrize(
    "wrong", [{"public_port": 65536}, {"rpc_port": -1}, {"forwarded_hops": -1}, {"qr_step_seconds": 0}]
)
def test_numbers_are_bounded(wrong):
    with pytest.raises(ValidationError):
        Settings(**PATHS, **wrong)


def test_every_field_is_described():
    assert all(field.description for field in Settings.model_fields.values())
