"""Where a server of a pod is reached, whichever addresses its cluster has."""

import errno
import socket
from collections.abc import Callable
from typing import Any

import pytest

from botsession_contract.dual_stack import bind_udp, listen, plain_address

Open = Callable[[str, int], socket.socket]


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["", "0.0.0.0", "::"])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_wildcard_takes_callers_of_both_families(host: str, address: str) -> None:
    with listen(host, 0) as listening, socket.create_connection((address, listening.getsockname()[1])) as caller:
        taken, peer = listening.accept()
        taken.close()
        assert plain_address(peer[0]) == caller.getsockname()[0] == address


@pytest.mark.parametrize("open_socket", [listen, bind_udp])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_named_address_stays_as_it_is(address: str, open_socket: Open) -> None:
    with open_socket(address, 0) as opened:
        assert opened.getsockname()[0] == address


@pytest.mark.parametrize("open_socket", [listen, bind_udp])
def test_machine_without_ipv6_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch, open_socket: Open) -> None:
    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: False)
    with open_socket("0.0.0.0", 0) as opened:
        assert opened.family is socket.AF_INET


@pytest.mark.parametrize("open_socket", [listen, bind_udp])
def test_port_that_is_taken_is_an_error(open_socket: Open) -> None:
    with open_socket("0.0.0.0", 0) as taken, pytest.raises(OSError, match="in use"):
        open_socket("0.0.0.0", taken.getsockname()[1])


def test_machine_whose_ipv6_is_switched_off_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    really = socket.create_server

    def switched_off(address: Any, **options: Any) -> socket.socket:
        if options["family"] is socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return really(address, **options)

    monkeypatch.setattr(socket, "has_dualstack_ipv6", lambda: True)
    monkeypatch.setattr(socket, "create_server", switched_off)
    with listen("0.0.0.0", 0) as listening:
        assert listening.family is socket.AF_INET


@pytest.mark.parametrize(
    ("address", "plain"), [("::ffff:10.0.0.7", "10.0.0.7"), ("10.0.0.7", "10.0.0.7"), ("fd00::7", "fd00::7"), ("", "")]
)
def test_ipv4_address_has_one_form(address: str, plain: str) -> None:
    assert plain_address(address) == plain
