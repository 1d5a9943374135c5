"""How a worker drains and ends is tested on real processes in test_serve."""

import socket

import pytest

from service.cli.ending import Failure
from service.cli.serving import bind


def test_port_0_takes_a_free_one() -> None:
    with bind("127.0.0.1", 0) as one, bind("127.0.0.1", 0) as other:
        assert 0 < one.getsockname()[1] != other.getsockname()[1] > 0


def test_the_port_is_held_but_does_not_listen_yet() -> None:
    with bind("127.0.0.1", 0) as bound, pytest.raises(ConnectionRefusedError):
        socket.create_connection(bound.getsockname(), timeout=5)


def test_a_host_may_be_a_name() -> None:
    with bind("localhost", 0) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    with pytest.raises(Failure, match="cannot listen"):
        bind(host, 0)


def test_a_port_that_is_taken_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Failure, match="cannot listen"):
        bind("127.0.0.1", taken.getsockname()[1])
