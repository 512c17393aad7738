"""Ports are settings, and a taken one is named with the setting that changes it."""

import socket

import pytest
from pydantic import ValidationError
from sandbox.instances import MOST_REPLICAS, SERVICES
from sandbox.ports import Ports, PortTaken, check_free, free_block, free_ports


@pytest.fixture
def taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_named_with_its_setting(taken):
    free = free_ports(1)[0]
    with pytest.raises(PortTaken, match=f"^port {taken} is taken; set SHIRUSHI_PORT_GATEWAY to another$"):
        check_free([("gateway", taken), ("challenge", free)])


def test_a_port_is_a_setting(monkeypatch):
    monkeypatch.setenv("SHIRUSHI_PORT_GATEWAY", "9443")
    assert Ports().gateway == 9443


@pytest.mark.parametrize("wrong", ["0", "65536", "https", ""])
def test_a_port_that_is_none_is_refused(monkeypatch, wrong):
    monkeypatch.setenv("SHIRUSHI_PORT_GATEWAY", wrong)
    with pytest.raises(ValidationError):
        Ports()


def test_no_two_instances_share_an_internal_port():
    ports = Ports()
    used = [
        ports.internal_port(service, replica, use)
        for service in range(len(SERVICES))
        for replica in range(MOST_REPLICAS)
        for use in range(3)
    ]
    assert len(set(used)) == len(used)


def test_free_ports_are_free():
    check_free([("gateway", port) for port in free_ports(3)])
    first = free_block(5)
    check_free([("internal", port) for port in range(first, first + 5)])
