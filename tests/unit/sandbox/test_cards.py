"""The test cards behave like cards: PINs are counted, keys stay inside, people differ."""

from itertools import islice

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from sandbox.people import synthetic

from sandbox import cards


def test_an_adult_and_her_neighbour_share_name_and_birth_date_but_no_serial(state):
    hanako, neighbour = cards.load(state, "hanako"), cards.load(state, "neighbour")
    assert hanako.card.person.name == neighbour.card.person.name
    assert hanako.card.person.birthdate == neighbour.card.person.birthdate
    one, other = hanako.authentication.certificate, neighbour.authentication.certificate
    assert one.serial_number != other.serial_number
    assert one.subject != other.subject


def test_the_right_pin_signs_and_gives_all_tries_back(state):
    chip = cards.load(state, "hanako")
    with pytest.raises(cards.WrongPinError) as refused:
        chip.sign("auth", "0000", b"message")
    assert refused.value.tries_left == 2
    signature = chip.sign("auth", "1234", b"message")
    chip.authentication.certificate.public_key().verify(signature, b"message", padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(cards.WrongPinError) as refused:
        chip.sign("auth", "0000", b"message")
    assert refused.value.tries_left == 2


def test_three_wrong_pins_lock_the_card_for_the_right_one_too(state):
    chip = cards.load(state, "taro")
    for _ in range(2):
        with pytest.raises(cards.WrongPinError):
            chip.sign("auth", "0000", b"message")
    for pin in ("0000", "1234"):
        with pytest.raises(cards.PinBlockedError):
            chip.sign("auth", pin, b"message")


def test_each_pin_has_a_counter_of_its_own(state):
    chip = cards.load(state, "hanako")
    with pytest.raises(cards.WrongPinError):
        chip.attributes("1234")
    with pytest.raises(cards.WrongPinError) as refused:
        chip.sign("sign", "1234", b"message")
    assert refused.value.tries_left == 4
    assert chip.sign("auth", "1234", b"message")


def test_the_locked_card_refuses_its_right_pin(state):
    with pytest.raises(cards.PinBlockedError):
        cards.load(state, "locked").sign("auth", "1234", b"message")


def test_a_child_has_no_signature_certificate(state):
    with pytest.raises(LookupError):
        cards.load(state, "minato").certificate("sign")


@pytest.mark.parametrize(("name", "digest"), [("phone", hashes.SHA256()), ("next-generation", hashes.SHA384())])
def test_elliptic_curve_cards_sign_with_ecdsa(state, name, digest):
    chip = cards.load(state, name)
    signature = chip.sign("auth", "1234", b"message")
    chip.authentication.certificate.public_key().verify(signature, b"message", ec.ECDSA(digest))


def test_there_is_no_card_of_an_unknown_name(state):
    with pytest.raises(LookupError, match="hanako"):
        cards.load(state, "nobody")


def test_synthetic_people_are_always_the_same_and_have_serials_of_their_own(state, test_authority):
    assert synthetic(7) == synthetic(7)
    chips = list(cards.people(state, test_authority, 40))
    serials = {chip.authentication.certificate.serial_number for chip in chips}
    assert len(serials) == 40
    again = list(islice(cards.people(state, test_authority, 40), 40))
    assert [chip.card for chip in again] == [chip.card for chip in chips]
    later = next(cards.people(state, test_authority, 1, first=40))
    assert later.authentication.certificate.serial_number not in serials
