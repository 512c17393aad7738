"""Roots as files: what a deployment starts with, and with what it does not."""

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sandbox.ca import profile, root
from sandbox.ca.profile import Kind
from verifier.domain.certification_path import Authority
from verifier.trust_anchors import MAX_FILE_BYTES, load_attestation_anchors, load_trust_anchors

from tests.support import jpki

ROOTS = {
    "auth/gen1.pem": jpki.generation(Kind.AUTH, 1),
    "auth/gen2.pem": jpki.generation(Kind.AUTH, 2),
    "sign/gen1.pem": jpki.generation(Kind.SIGN),
    "phone/gen1.pem": jpki.generation(Kind.PHONE, 1, "p256"),
}


def pem(certificate):
    return certificate.public_bytes(Encoding.PEM)


@pytest.fixture
def trust(tmp_path):
    for name, generation in ROOTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(pem(generation.certificate))
    return tmp_path


@pytest.fixture
def real_root(monkeypatch):
    """A root that looks like one of J-LIS's real ones."""
    monkeypatch.setattr(profile, "ORGANIZATION", "JPKI")
    return jpki.generation.__wrapped__(Kind.AUTH, 1).certificate


def test_each_kind_is_read_from_its_folder(trust):
    anchors = load_trust_anchors(trust, test_mode=True)
    counts = {authority: len(anchors.of_authority(authority)) for authority in Authority}
    assert list(counts.values()) == [2, 1, 1, 0]


def test_a_file_may_hold_several_roots(trust):
    (trust / "auth" / "gen2.pem").unlink()
    (trust / "auth" / "gen1.pem").write_bytes(b"".join(pem(ROOTS[f"auth/gen{n}.pem"].certificate) for n in (1, 2)))
    assert len(load_trust_anchors(trust, test_mode=True).of_authority(Authority.USER_AUTHENTICATION)) == 2


def test_other_files_are_passed_over(trust):
    (trust / "auth" / "README.txt").write_text("These are the roots.")
    load_trust_anchors(trust, test_mode=True)


def test_test_roots_are_refused_outside_test_mode(trust):
    with pytest.raises(ValueError, match=r"gen1\.pem: a test root, and test mode is off"):
        load_trust_anchors(trust, test_mode=False)


@pytest.mark.parametrize("at", ["sign", "phone"])
def test_one_test_root_among_real_ones_is_refused_too(at, tmp_path, real_root):
    for folder in ("auth", at):
        (tmp_path / folder).mkdir()
    (tmp_path / "auth" / "real.pem").write_bytes(pem(real_root))
    assert len(load_trust_anchors(tmp_path, test_mode=False)) == 1
    (tmp_path / at / "test.pem").write_bytes(pem(ROOTS[f"{at}/gen1.pem"].certificate))
    with pytest.raises(ValueError, match="a test root"):
        load_trust_anchors(tmp_path, test_mode=False)


@pytest.mark.parametrize("folder", ["auth", "."])
def test_without_authentication_roots_there_is_no_service(folder, tmp_path):
    (tmp_path / folder).mkdir(exist_ok=True)
    with pytest.raises(ValueError, match="no user authentication root"):
        load_trust_anchors(tmp_path, test_mode=True)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not PEM",
        pem(ROOTS["auth/gen1.pem"].certificate)[:500],
        b"-" * (MAX_FILE_BYTES + 1),
        pem(jpki.issue(extra=((jpki.UNKNOWN_TLS_FEATURE, False),)).certificate),
    ],
    ids=["empty", "text", "cut", "too large", "an extension that the library stumbles over"],
)
def test_a_file_that_holds_no_root_is_named(content, trust):
    (trust / "auth" / "odd.pem").write_bytes(content)
    with pytest.raises(ValueError, match=r"odd\.pem"):
        load_trust_anchors(trust, test_mode=True)


def test_a_leaf_is_no_root(trust):
    (trust / "auth" / "leaf.pem").write_bytes(pem(jpki.good_card().certificate))
    with pytest.raises(ValueError, match=r"leaf\.pem: not a certification authority"):
        load_trust_anchors(trust, test_mode=True)


def test_one_root_is_not_of_two_kinds(trust):
    (trust / "phone" / "again.pem").write_bytes(pem(ROOTS["auth/gen1.pem"].certificate))
    with pytest.raises(ValueError, match="same subject key identifier"):
        load_trust_anchors(trust, test_mode=True)


def test_attestation_roots_are_read(tmp_path):
    (tmp_path / "root.pem").write_bytes(pem(jpki.attestation_authority().certificate))
    assert len(load_attestation_anchors(tmp_path, test_mode=True).of_authority(Authority.APP_ATTESTATION)) == 1


def test_the_sandbox_s_attestation_root_is_refused_outside_test_mode(tmp_path):
    (tmp_path / "root.pem").write_bytes(pem(jpki.attestation_authority().certificate))
    with pytest.raises(ValueError, match=r"root\.pem: a test root, and test mode is off"):
        load_attestation_anchors(tmp_path, test_mode=False)


def test_an_operator_s_own_attestation_root_is_read_outside_test_mode(tmp_path, monkeypatch):
    name = x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "A city")])
    monkeypatch.setattr(root, "_sandbox_name", lambda common_name: name)
    own = root.build_attestation_root(jpki.key("p256", "attestation own"), jpki.NOW)
    (tmp_path / "root.pem").write_bytes(pem(own))
    assert len(load_attestation_anchors(tmp_path, test_mode=False)) == 1


def test_without_attestation_roots_there_is_no_service(tmp_path):
    with pytest.raises(ValueError, match="no app attestation root"):
        load_attestation_anchors(tmp_path, test_mode=True)


def test_the_real_root_of_the_fixture_is_one(real_root):
    names = real_root.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)
    assert [name.value for name in names] == ["JPKI"]
