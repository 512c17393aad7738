import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from kit.crypto import public_bytes
from kit.encoding import b64u
from kit.settings import ServiceSettings, parse_or_exit, read_secret, read_signers
from pydantic import Field, ValidationError

PATHS = ("tls_certificate", "tls_key", "tls_ca", "signing_key", "signers", "service_secret")


class Settings(ServiceSettings):
    widgets: int = Field(default=3, ge=1, description="How many.")


@pytest.fixture
def environment(tmp_path, monkeypatch):
    for name in PATHS:
        path = tmp_path / name
        path.write_text("content")
        monkeypatch.setenv(f"SHIRUSHI_{name.upper()}", str(path))
    return monkeypatch


def test_settings_come_from_the_environment_and_stay(environment):
    environment.setenv("SHIRUSHI_WIDGETS", "7")
    environment.setenv("SHIRUSHI_HOUR_SECONDS", "120")
    environment.setenv("SHIRUSHI_UNKNOWN", "x")
    settings = Settings.load()
    assert settings.widgets == 7
    assert settings.hour.epoch_seconds == 2
    assert settings.instance
    with pytest.raises(ValidationError):
        settings.widgets = 8


def test_every_field_is_described():
    for name, field in ServiceSettings.model_fields.items():
        assert field.description, name


def test_what_is_wrong_is_named_without_its_value(environment, capsys):
    environment.setenv("SHIRUSHI_WIDGETS", "hunter2")
    environment.setenv("SHIRUSHI_LOG_LEVEL", "hunter2")
    environment.delenv("SHIRUSHI_TLS_KEY")
    with pytest.raises(SystemExit) as ended:
        parse_or_exit(Settings, [])
    assert ended.value.code == 2
    text = capsys.readouterr().err
    for name in ("SHIRUSHI_WIDGETS", "SHIRUSHI_LOG_LEVEL", "SHIRUSHI_TLS_KEY"):
        assert name in text
    assert "hunter2" not in text


def test_a_file_that_is_not_there_is_named(environment, capsys):
    environment.setenv("SHIRUSHI_SIGNERS", "/nowhere/signers.json")
    with pytest.raises(SystemExit) as ended:
        parse_or_exit(Settings, [])
    assert ended.value.code == 2
    assert "SHIRUSHI_SIGNERS" in capsys.readouterr().err


def test_check_config_says_so_and_ends(environment, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_or_exit(Settings, ["--check-config"])
    assert ended.value.code == 0
    assert "valid" in capsys.readouterr().out


def test_other_arguments_are_refused(environment, capsys):
    with pytest.raises(SystemExit) as ended:
        parse_or_exit(Settings, ["--widgets=3"])
    assert ended.value.code == 2
    assert "SHIRUSHI_WIDGETS" in capsys.readouterr().err


def test_without_arguments_the_settings_are_handed_over(environment):
    assert parse_or_exit(Settings, []).widgets == 3


def test_a_secret_is_hexadecimal_of_the_right_length(tmp_path):
    path = tmp_path / "secret"
    path.write_text("00ff" * 16 + "\n")
    assert read_secret(path) == bytes.fromhex("00ff" * 16)
    for content in ("00" * 31, "00" * 33, "hunter2", "", "é"):
        path.write_text(content)
        with pytest.raises(ValueError, match="secret") as refused:
            read_secret(path)
        assert "hunter2" not in str(refused.value)


def test_signers_may_have_several_keys(tmp_path):
    path = tmp_path / "signers.json"
    keys = [b64u(public_bytes(Ed25519PrivateKey.generate())) for _ in range(2)]
    path.write_text(json.dumps({"gateway": keys, "verifier": keys[:1]}))
    signers = read_signers(path)
    assert [len(signers[name]) for name in ("gateway", "verifier")] == [2, 1]
    for wrong in ('{"gateway": ["AA"]}', '{"gateway": [1]}', "[]", "{", '{"gateway": 3}'):
        path.write_text(wrong)
        with pytest.raises(ValueError, match=r"signers\.json"):
            read_signers(path)
