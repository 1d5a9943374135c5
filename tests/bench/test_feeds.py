"""Listeners of the benchmark: each counts every event, however it is cut into pieces. Nothing is timed."""

import json
import subprocess
import sys
from pathlib import Path

import httpx

from bench.listeners import MARK, Hall, Listener
from bench.stage import serving


class Transport:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


def test_an_event_in_pieces_is_one() -> None:
    hall = Hall(1, 2, arrivals=[[], []])
    listener = Listener(b"GET", hall)
    transport = Transport()
    listener.connection_made(transport)
    for piece in (b"HTTP/1.1 200 OK\r\n\r\n", MARK[:5], MARK[5:], b"data: 1\n\n" + MARK + b"data: 2\n\n"):
        listener.data_received(piece)
    assert (transport.written, hall.begun) == (b"GET", 1)
    assert [len(times) for times in hall.arrivals] == [1, 1]
    assert hall.over.is_set()


def test_every_listener_hears_the_frameworks_own_stream(tmp_path: Path) -> None:
    (tmp_path / "event.json").write_text("{}", encoding="utf-8")
    with serving("bench.framework_stream", str(tmp_path / "event.json")) as server:
        told = {"port": server.port, "path": "/stream", "token": "", "listeners": 3, "events": 4}
        popen = subprocess.Popen(
            [sys.executable, "-m", "bench.listeners"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert popen.stdin is not None
        assert popen.stdout is not None
        popen.stdin.write(json.dumps(told) + "\n")
        popen.stdin.flush()
        assert popen.stdout.readline() == "ready\n"
        for number in range(4):
            answered = httpx.post(f"{server.address}/publish/{number}", trust_env=False)
            assert answered.json() == {"listeners": 3}
        output, _ = popen.communicate(timeout=60)
    assert len(json.loads(output)) == 4
