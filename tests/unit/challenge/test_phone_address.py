"""Whose address a request comes from is decided by how many proxies are trusted, never by what a stranger writes."""

import pytest
from challenge.web.phone_address import phone_address
from starlette.requests import Request


def request(*forwarded, client=("192.0.2.1", 5)):
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    return Request({"type": "http", "headers": headers, "client": client})


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, (), "192.0.2.1"),
        (0, ("203.0.113.9",), "192.0.2.1"),
        (1, ("203.0.113.9",), "203.0.113.9"),
        (1, ("10.0.0.1, 203.0.113.9",), "203.0.113.9"),
        (2, ("10.0.0.1, 203.0.113.9, 198.51.100.1",), "203.0.113.9"),
        (1, ("10.0.0.1", "203.0.113.9"), "203.0.113.9"),
        (2, ("203.0.113.9",), ""),
        (1, (), ""),
        (1, ("x" * 2000,), ""),
    ],
)
def test_the_address_is_the_last_that_a_stranger_could_not_have_written(hops, forwarded, address):
    assert phone_address(request(*forwarded), hops) == address


def test_a_connection_without_an_address_has_none():
    assert phone_address(request(client=None), 0) == ""
