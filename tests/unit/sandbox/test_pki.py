"""The sandbox's keys: made once, readable by their owner only, renewed before they end."""

import datetime as dt
import json
import ssl
import stat

import pytest
from cryptography import x509
from kit.settings import read_secret, read_signers

from sandbox import pki


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return pki.ensure(tmp_path_factory.mktemp("pki") / "pki")


def contents(keys):
    return {path: path.read_bytes() for path in keys.root.rglob("*") if path.is_file()}


def certificate(path):
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_nobody_else_can_read_a_key(keys):
    assert stat.S_IMODE(keys.root.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in contents(keys)} == {0}


def test_a_second_start_changes_nothing(keys):
    before = contents(keys)
    pki.ensure(keys.root)
    assert contents(keys) == before


@pytest.mark.parametrize("service", pki.SERVICES)
def test_the_subject_reads_as_kafka_and_mongodb_match_it(keys, service):
    assert certificate(keys.certificate(service)).subject.rfc4514_string() == f"CN={service},OU=services,O=Shirushi"


def test_servers_have_another_unit_than_services_so_that_mongod_takes_no_service_for_a_member(keys):
    units = {
        certificate(path).subject.get_attributes_for_oid(x509.NameOID.ORGANIZATIONAL_UNIT_NAME)[0].value
        for path in (keys.kafka, keys.mongod)
    }
    assert units == {"brokers"}


@pytest.mark.parametrize("service", pki.SERVICES)
def test_key_and_certificate_of_a_principal_belong_together(keys, service):
    context = ssl.create_default_context(cafile=keys.ca)
    context.load_cert_chain(keys.certificate(service), keys.key(service))
    context.load_cert_chain(keys.both(service))


def test_the_web_authority_can_vouch_for_localhost_only(keys):
    constraints = certificate(keys.web_ca).extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert x509.DNSName("localhost") in constraints.value.permitted_subtrees


def test_secrets_read_as_the_services_read_them(keys):
    secrets = [keys.sector_secret, keys.network_hint_key, keys.handle_key, *map(keys.service_secret, pki.SERVICES)]
    assert len({read_secret(path) for path in secrets}) == len(secrets)
    assert {len(bytes.fromhex(key)) for key in json.loads(keys.pairwise_keys.read_text()).values()} == {32}


def test_signers_lists_one_key_a_service(keys):
    assert {service: len(public) for service, public in read_signers(keys.signers).items()} == dict.fromkeys(
        pki.SERVICES, 1
    )


def test_a_certificate_near_its_end_is_renewed_and_other_keys_stay(tmp_path, monkeypatch):
    keys = pki.ensure(tmp_path / "pki")
    leaf, secret = keys.certificate("gateway").read_bytes(), keys.service_secret("gateway").read_bytes()
    monkeypatch.setattr(pki, "_RENEW_WITHIN", dt.timedelta(days=91))
    pki.ensure(keys.root)
    assert keys.certificate("gateway").read_bytes() != leaf
    assert keys.certificate("gateway").read_bytes() in keys.both("gateway").read_bytes()
    assert keys.service_secret("gateway").read_bytes() == secret


def test_leaves_of_an_authority_that_was_replaced_are_issued_anew(tmp_path):
    keys = pki.ensure(tmp_path / "pki")
    keys.ca.unlink()
    pki.ensure(keys.root)
    certificate(keys.certificate("gateway")).verify_directly_issued_by(certificate(keys.ca))
    assert keys.ca.read_bytes() in keys.kafka.read_bytes()
