"""The rows of the JPKI profile table, read from the DER of what the test authority issues."""

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sandbox.ca.profile import Kind

from sandbox import cards
from tests.support.der import Node, parse, read_name

C, L, O, OU, CN = "2.5.4.6", "2.5.4.7", "2.5.4.10", "2.5.4.11", "2.5.4.3"  # noqa: E741 - as X.500 calls them
AGENCY = "Japan Agency for Local Authority Information Systems"
KEY_USAGE, EKU, POLICIES, SAN, IAN = "2.5.29.15", "2.5.29.37", "2.5.29.32", "2.5.29.17", "2.5.29.18"
CRLDP, AIA, AKI, SKI, BASIC = "2.5.29.31", "1.3.6.1.5.5.7.1.1", "2.5.29.35", "2.5.29.14", "2.5.29.19"
AUTH_ORDER = [KEY_USAGE, EKU, POLICIES, IAN, CRLDP, AIA, AKI, SKI]
SIGN_ORDER = [KEY_USAGE, SAN, POLICIES, IAN, CRLDP, AKI, SKI]
ROOT_ORDER = [KEY_USAGE, SAN, BASIC, CRLDP, SKI]
UNITS = {"auth": "JPKI for user authentication", "sign": "JPKI for digital signature"}
UNITS_JA = {"auth": "公的個人認証サービス利用者証明用", "sign": "公的個人認証サービス署名用"}


class Parsed:
    """A certificate taken apart by hand."""

    def __init__(self, certificate: x509.Certificate) -> None:
        self.certificate = certificate
        self.der = certificate.public_bytes(serialization.Encoding.DER)
        tbs, self.outer_algorithm, self.signature = parse(self.der).children
        version, self.serial, self.inner_algorithm, self.issuer, validity, self.subject, self.spki, extensions = (
            tbs.children
        )
        assert version[0].value == b"\x02"
        self.not_before, self.not_after = validity.children
        self.extensions = {}
        self.order = []
        for extension in extensions[0].children:
            oid = extension[0].oid
            self.order.append(oid)
            self.extensions[oid] = (len(extension.children) == 3, parse(extension.children[-1].value))

    def extension(self, oid: str, *, critical: bool = False) -> Node:
        is_critical, value = self.extensions[oid]
        assert is_critical is critical
        return value


@pytest.fixture(scope="module", params=["auth", "sign"])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def leaf(state, kind):
    chip = cards.load(state, "hanako")
    return Parsed((chip.authentication if kind == "auth" else chip.signature).certificate)


@pytest.fixture(scope="module")
def root(test_authority, kind):
    return Parsed(test_authority.generations[Kind(kind), 3].certificate)


def ja_name(kind):
    return [
        (C, "PrintableString", "JP"),
        (O, "UTF8String", "公的個人認証サービス"),
        (OU, "UTF8String", UNITS_JA[kind]),
        (OU, "UTF8String", "地方公共団体情報システム機構"),
    ]


def issuer_name(kind):
    return [
        (C, "PrintableString", "JP"),
        (O, "UTF8String", "JPKI-TEST"),
        (OU, "UTF8String", UNITS[kind]),
        (OU, "UTF8String", AGENCY),
    ]


def directory_name(general_name):
    assert general_name.tag == 0xA4
    return read_name(general_name[0])


def test_the_algorithm_is_sha256_with_rsa_and_a_null_inside_and_outside(leaf, root):
    for certificate in (leaf, root):
        for algorithm in (certificate.inner_algorithm, certificate.outer_algorithm):
            assert algorithm[0].oid == "1.2.840.113549.1.1.11"
            assert algorithm[1].type == "NULL"


def test_keys_are_rsa_2048_with_exponent_65537(leaf, root):
    for certificate in (leaf, root):
        assert certificate.spki[0][0].oid == "1.2.840.113549.1.1.1"
        modulus, exponent = parse(certificate.spki[1].value[1:]).children
        assert int.from_bytes(modulus.value, "big").bit_length() == 2048
        assert int.from_bytes(exponent.value, "big") == 65537


def test_the_issuer_has_one_attribute_an_rdn_and_the_right_string_types(leaf, root, kind):
    assert read_name(leaf.issuer) == issuer_name(kind)
    assert read_name(root.subject) == read_name(root.issuer) == issuer_name(kind)


def test_an_authentication_subject_names_the_municipality_and_no_person(state):
    subject = read_name(Parsed(cards.load(state, "hanako").authentication.certificate).subject)
    assert [(oid, kind) for oid, kind, _ in subject] == [(C, "PrintableString"), (CN, "UTF8String")]
    name = subject[1][2]
    assert len(name) == 23
    assert name[:14].isalnum()
    assert name[:14] == name[:14].upper()
    assert name[14:] == "13221003A"


def test_a_signature_subject_names_prefecture_and_municipality(state):
    subject = read_name(Parsed(cards.load(state, "hanako").signature.certificate).subject)
    assert [(oid, kind) for oid, kind, _ in subject] == [
        (C, "PrintableString"),
        (L, "UTF8String"),
        (L, "UTF8String"),
        (CN, "UTF8String"),
    ]
    assert [text for _, _, text in subject[1:3]] == ["Tokyo-to", "Kiyose-shi"]
    name = subject[3][2]
    assert len(name) == 28
    datetime.strptime(name[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    assert name[14:19].isdigit()
    assert name[19:] == "13221003A"


def test_serials_are_small_positive_integers(leaf):
    assert 3 <= len(leaf.serial.value) <= 4
    assert leaf.serial.value[0] < 0x80


def test_times_are_utc_time_and_end_with_a_japanese_day(leaf, root):
    for certificate in (leaf, root):
        assert certificate.not_before.type == certificate.not_after.type == "UTCTime"
        assert certificate.not_after.value.endswith(b"145959Z")


def test_a_leaf_ends_on_the_fifth_birthday_after_its_issue(leaf):
    start, end = leaf.certificate.not_valid_before_utc, leaf.certificate.not_valid_after_utc
    assert (end.month, end.day) == (5, 15)
    birthdays = [start.replace(year=start.year + years, month=5, day=15) for years in range(7)]
    assert [birthday for birthday in birthdays if birthday > start][4].date() == end.date()


def test_a_root_lives_ten_years(root):
    assert root.certificate.not_valid_after_utc.year - root.certificate.not_valid_before_utc.year == 10


def test_extensions_stand_in_the_genuine_order(leaf, root, kind):
    assert leaf.order == (AUTH_ORDER if kind == "auth" else SIGN_ORDER)
    assert root.order == ROOT_ORDER


def test_key_usage_is_critical_and_exact(leaf, root, kind):
    assert leaf.extension(KEY_USAGE, critical=True).value.hex() == ("0780" if kind == "auth" else "06c0")
    assert root.extension(KEY_USAGE, critical=True).value.hex() == "0106"


def test_only_the_authentication_leaf_has_an_extended_key_usage_and_it_is_client_auth(state):
    chip = cards.load(state, "hanako")
    (usage,) = Parsed(chip.authentication.certificate).extension(EKU).children
    assert usage.oid == "1.3.6.1.5.5.7.3.2"


def test_the_policy_is_critical_and_carries_the_cps_as_ia5_string(leaf, kind):
    (policy,) = leaf.extension(POLICIES, critical=True).children
    assert policy[0].oid == f"1.2.392.200149.8.5.1.0.{30 if kind == 'auth' else 20}"
    (qualifier,) = policy[1].children
    assert qualifier[0].oid == "1.3.6.1.5.5.7.2.1"
    assert (qualifier[1].type, qualifier[1].value) == ("IA5String", b"http://www.jpki.go.jp/cps.html")


def test_the_issuer_alternative_name_is_the_japanese_one(leaf, root, kind):
    (name,) = leaf.extension(IAN).children
    assert directory_name(name) == ja_name(kind)
    (name,) = root.extension(SAN).children
    assert directory_name(name) == ja_name(kind)


def test_a_leafs_distribution_point_is_the_directory_name_of_its_municipality(leaf, root, kind):
    (point,) = leaf.extension(CRLDP).children
    (distribution_point,) = point.children
    (full_name,) = distribution_point.children
    assert full_name.tag == 0xA0
    (name,) = full_name.children
    assert directory_name(name) == [
        (C, "PrintableString", "JP"),
        (O, "UTF8String", "JPKI-TEST"),
        (OU, "UTF8String", UNITS[kind]),
        (OU, "UTF8String", "CRL Distribution Points"),
        (OU, "UTF8String", "Tokyo-to"),
        (CN, "UTF8String", "Kiyose-shi CRLDP"),
    ]
    assert directory_name(root.extension(CRLDP)[0][0][0][0]) == issuer_name(kind)


def test_only_the_authentication_leaf_names_its_responder(state):
    chip = cards.load(state, "hanako")
    (access,) = Parsed(chip.authentication.certificate).extension(AIA).children
    assert access[0].oid == "1.3.6.1.5.5.7.48.1"
    assert (access[1].tag, access[1].value) == (0x86, b"http://test-ocspauthnorm.jpki.go.jp")
    assert AIA not in Parsed(chip.signature.certificate).extensions


def test_the_authority_key_identifier_names_key_issuer_and_serial(leaf, root, kind):
    key, issuer, serial = leaf.extension(AKI).children
    assert (key.tag, key.value) == (0x80, root.extension(SKI).value)
    assert issuer.tag == 0xA1
    (name,) = issuer.children
    assert directory_name(name) == issuer_name(kind)
    assert (serial.tag, serial.value) == (0x82, root.serial.value)
    assert AKI not in root.extensions


def test_the_subject_key_identifier_is_the_sha1_of_the_key_bits(leaf, root):
    for certificate in (leaf, root):
        assert certificate.extension(SKI).value == hashlib.sha1(certificate.spki[1].value[1:]).digest()


def test_only_the_root_is_a_ca_and_has_no_path_length(leaf, root):
    (ca,) = root.extension(BASIC, critical=True).children
    assert (ca.type, ca.value) == ("BOOLEAN", b"\xff")
    assert BASIC not in leaf.extensions


def test_the_signature_leaf_carries_the_six_other_names_in_order(state):
    names = Parsed(cards.load(state, "hanako").signature.certificate).extension(SAN)
    read = []
    for name in names.children:
        assert name.tag == 0xA0
        oid, explicit = name.children
        assert explicit.tag == 0xA0
        (text,) = explicit.children
        assert text.type == "UTF8String"
        arc = oid.oid.removeprefix("1.2.392.200149.8.5.5.")
        read.append((arc, text.value.decode()))
    address = "東京都清瀬市松山１－２－３"
    assert read == [
        ("1", "番号　花子"),
        ("4", "419900515"),
        ("3", "2"),
        ("5", address),
        ("2", "00000"),
        ("6", "0" * len(address)),
    ]


@pytest.mark.parametrize("kind_", [Kind.AUTH, Kind.SIGN])
def test_generations_share_one_name_and_have_the_genuine_serials_and_keys_of_their_own(test_authority, kind_):
    roots = [test_authority.generations[kind_, number].certificate for number in (1, 2, 3, 4)]
    assert len({root.subject.public_bytes() for root in roots}) == 1
    assert len({Parsed(root).spki.value for root in roots}) == 4
    genuine = {Kind.AUTH: [1, 0x0133C349, 0x06D18006], Kind.SIGN: [1, 0x0132C4AB, 0x067C6A21]}
    assert [root.serial_number for root in roots[:3]] == genuine[kind_]


def test_every_serial_of_an_authority_is_issued_once(state):
    serials = [
        (card.kind, cards.load(state, card.name).authentication.certificate.serial_number) for card in cards.CARDS
    ]
    assert len(set(serials)) == len(serials)


def test_the_next_generation_is_p384_with_sha384_for_ten_years(state):
    certificate = Parsed(cards.load(state, "next-generation").authentication.certificate)
    assert certificate.outer_algorithm[0].oid == "1.2.840.10045.4.3.3"
    assert certificate.spki[0][1].oid == "1.3.132.0.34"
    assert certificate.order == AUTH_ORDER
    life = certificate.certificate.not_valid_after_utc - certificate.certificate.not_valid_before_utc
    assert timedelta(days=3600) < life < timedelta(days=3700)


def test_the_phone_certificate_has_the_shape_of_the_card_and_a_policy_of_ours(state):
    certificate = Parsed(cards.load(state, "phone").authentication.certificate)
    assert certificate.order == AUTH_ORDER
    (policy,) = certificate.extension(POLICIES, critical=True).children
    assert policy[0].oid.startswith("2.25.")
    assert certificate.spki[0][1].oid == "1.2.840.10045.3.1.7"
