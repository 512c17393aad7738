"""How the service is put together and started: in which order, and with what it does not start."""

import json
import os
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from kit.encoding import b64u
from sandbox.ca import profile
from sandbox.ca.profile import Kind
from verifier.app import build, rules_of
from verifier.settings import Settings

from tests.support import jpki


@pytest.fixture
def files(tmp_path):
    """Everything that the settings point at."""
    roots = {
        "trust/auth": jpki.generation(),
        "trust/sign": jpki.generation(Kind.SIGN),
        "trust/phone": jpki.generation(Kind.PHONE, 1, "p256"),
        "trust/attestation": jpki.attestation_authority(),
    }
    for folder, root in roots.items():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "root.pem").write_bytes(root.certificate.public_bytes(Encoding.PEM))
    key = Ed25519PrivateKey.generate()
    (tmp_path / "signing.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "signers.json").write_text(json.dumps({"verifier": [b64u(key.public_key().public_bytes_raw())]}))
    for name in ("secret.hex", "handle.hex"):
        (tmp_path / name).write_text(os.urandom(32).hex())
    for name in ("tls.pem", "tls.key", "ca.pem"):
        (tmp_path / name).write_text("")
    return tmp_path


@pytest.fixture
def environment(files):
    return {
        "SHIRUSHI_TLS_CERTIFICATE": f"{files}/tls.pem",
        "SHIRUSHI_TLS_KEY": f"{files}/tls.key",
        "SHIRUSHI_TLS_CA": f"{files}/ca.pem",
        "SHIRUSHI_SIGNING_KEY": f"{files}/signing.pem",
        "SHIRUSHI_SIGNERS": f"{files}/signers.json",
        "SHIRUSHI_SERVICE_SECRET": f"{files}/secret.hex",
        "SHIRUSHI_HANDLE_KEY": f"{files}/handle.hex",
        "SHIRUSHI_TRUST_ANCHORS": f"{files}/trust",
        "SHIRUSHI_ATTESTATION_ANCHORS": f"{files}/trust/attestation",
        "SHIRUSHI_KAFKA_TLS": "false",
        "SHIRUSHI_TEST_MODE": "true",
    }


@pytest.fixture
def settings(environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings.load()


def test_what_is_needed_starts_before_what_needs_it(settings):
    names = [part.name for part in build(settings, rules_of(settings))]
    assert names == [
        "management",
        "channel:audit-purge",
        "custody",
        "readiness",
        "store",
        "ocsp",
        "bus",
        "retries",
    ]


def test_the_rules_are_those_of_the_folders(settings):
    rules = rules_of(settings)
    assert len(rules.anchors) == 3
    assert len(rules.attestation_anchors) == 1


def test_outside_test_mode_the_sandbox_s_attestation_root_is_refused_too(settings, files, monkeypatch):
    monkeypatch.setattr(profile, "ORGANIZATION", "JPKI")
    roots = (("auth", Kind.AUTH, "rsa"), ("sign", Kind.SIGN, "rsa"), ("phone", Kind.PHONE, "p256"))
    for folder, kind, algorithm in roots:
        real = jpki.generation.__wrapped__(kind, 1, algorithm).certificate
        (files / "trust" / folder / "root.pem").write_bytes(real.public_bytes(Encoding.PEM))
    with pytest.raises(ValueError, match=r"attestation/root\.pem: a test root, and test mode is off"):
        rules_of(settings.model_copy(update={"test_mode": False}))


def run(environment, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "verifier", *arguments],
        env=environment | {"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_right_configuration_is_said_to_be_right(environment):
    done = run(environment, "--check-config")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_wrong_configuration_is_named_without_its_value(environment):
    done = run(environment | {"SHIRUSHI_OCSP_URL": "ldap://secret"}, "--check-config")
    assert done.returncode == 2
    assert "SHIRUSHI_OCSP_URL" in done.stderr
    assert "secret" not in done.stderr


def test_outside_test_mode_the_service_does_not_start_with_test_roots(environment):
    done = run(environment | {"SHIRUSHI_TEST_MODE": "false"})
    assert done.returncode == 2
    assert "root.pem: a test root, and test mode is off" in done.stderr
    assert "Traceback" not in done.stderr
