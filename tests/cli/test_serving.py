"""How a worker drains and ends is tested on real processes in test_serve."""

import socket

import pytest

from service.cli.ending import Failure
from service.cli.serving import listen


def test_port_0_takes_a_free_one() -> None:
    with listen("127.0.0.1", 0) as one, listen("127.0.0.1", 0) as other:
        assert 0 < one.getsockname()[1] != other.getsockname()[1] > 0


def test_a_host_may_be_a_name() -> None:
    with listen("localhost", 0) as listening:
        socket.create_connection(listening.getsockname()[:2], timeout=5).close()


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    with pytest.raises(Failure, match="cannot listen"):
        listen(host, 0)


def test_a_port_that_is_taken_is_refused() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(Failure, match="cannot listen"):
        listen("127.0.0.1", taken.getsockname()[1])
