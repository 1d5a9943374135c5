"""The service as its operators know it: a process, a socket, signals."""

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import httpx

from tests.cli.processes import call, environment, invoke, postmaster, running, started


def get(address: str, path: str) -> httpx.Response:
    return httpx.get(address + path, trust_env=False, timeout=30)


def test_starts_and_migrates_its_own_database_and_ends_in_order(data_dir: Path) -> None:
    with running("serve", "--port", "0", env=environment(data_dir=str(data_dir), drain_seconds="0")) as server:
        assert get(server.address, "/readyz").status_code == 200
        assert "server" not in get(server.address, "/livez").headers
        assert postmaster(data_dir) is not None
        assert server.end() == 0
    assert postmaster(data_dir) is None


def test_commands_join_the_database_of_a_running_server(data_dir: Path) -> None:
    env = environment(data_dir=str(data_dir), drain_seconds="0")
    with running("serve", "--port", "0", env=env) as server:
        made = call("organization", "create", "clinic", env=env)
        assert made.returncode == 0, made.stderr
        key = call("key", "create", "clinic", "--scope", "all", env=env).stdout.strip()
        headers = {"Authorization": f"Bearer {key}"}
        answer = httpx.get(f"{server.address}/v1/cases", headers=headers, trust_env=False, timeout=30)
        assert answer.status_code == 200
        key_id = key.split("_")[2]
        assert call("key", "revoke", key_id, env=env).returncode == 0
        answer = httpx.get(f"{server.address}/v1/cases", headers=headers, trust_env=False, timeout=30)
        assert answer.status_code == 401
        assert server.end() == 0


def test_sigterm_is_a_drain_not_ready_but_serving_until_the_time_is_over(database_url: str) -> None:
    env = environment(database_url=database_url, drain_seconds="2")
    with running("serve", "--port", "0", env=env) as server:
        asked = time.monotonic()
        server.popen.send_signal(signal.SIGTERM)
        states = []
        while server.popen.poll() is None:
            try:
                states.append((get(server.address, "/readyz").status_code, get(server.address, "/livez").status_code))
            except httpx.TransportError:
                break
        assert server.popen.wait(30) == 0
        assert time.monotonic() - asked >= 2
    assert (503, 200) in states  # taken out of rotation, yet every request is still answered
    first = states.index((503, 200))
    assert set(states[first:]) == {(503, 200)}


def test_a_second_sigterm_skips_the_wait(database_url: str) -> None:
    env = environment(database_url=database_url, drain_seconds="600")
    with running("serve", "--port", "0", env=env) as server:
        server.popen.send_signal(signal.SIGTERM)
        while get(server.address, "/readyz").status_code != 503:
            pass  # the first one has arrived once it shows
        assert server.end() == 0


def test_it_ends_in_order_even_before_it_serves(data_dir: Path) -> None:
    with started("serve", "--port", "0", env=environment(data_dir=str(data_dir))) as server:
        while not data_dir.exists():
            assert server.popen.poll() is None
        assert server.end() == 0
        assert not any("Traceback" in line for line in server.said)


def test_ctrl_c_ends_it_at_once(database_url: str) -> None:
    env = environment(database_url=database_url, drain_seconds="600")
    with running("serve", "--port", "0", env=env) as server:
        assert server.end(signal.SIGINT) == 0
        assert "Traceback" not in "\n".join(server.said)


def test_the_database_of_a_killed_server_is_adopted_with_what_it_acknowledged(data_dir: Path) -> None:
    env = environment(data_dir=str(data_dir), drain_seconds="0")
    with running("serve", "--port", "0", env=env) as server:
        invoke("organization", "create", "clinic", env=env)
        key = invoke("key", "create", "clinic", "--scope", "all", env=env).stdout.strip()
        headers = {"Authorization": f"Bearer {key}"}
        body = {"modality": "family", "members": {"ana": {"role": "youth"}}}
        put = httpx.put(f"{server.address}/v1/cases/fam-42", json=body, headers=headers, trust_env=False, timeout=30)
        assert put.status_code == 201
        server.popen.kill()
        server.popen.wait()
    orphan = postmaster(data_dir)
    assert orphan is not None
    with running("serve", "--port", "0", env=env) as server:
        assert postmaster(data_dir) == orphan
        found = httpx.get(f"{server.address}/v1/cases/fam-42", headers=headers, trust_env=False, timeout=30)
        assert found.status_code == 200
        assert server.end() == 0
    assert postmaster(data_dir) is None


def test_metrics_have_a_port_of_their_own_if_asked(database_url: str) -> None:
    env = environment(database_url=database_url, drain_seconds="0", metrics_port="0")
    with running("serve", "--port", "0", env=env) as server:
        address = next(line for line in server.said if line.startswith("metrics on ")).removeprefix("metrics on ")
        get(server.address, "/livez")
        assert "evenkeel_requests_total" in get(address, "").text
        assert get(server.address, "/metrics").status_code == 404
        assert server.end() == 0


def test_a_port_that_is_taken_is_one_line(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        found = call("serve", "--port", str(taken.getsockname()[1]), env=environment(data_dir=str(data_dir)))
    assert found.returncode == 1
    assert "cannot listen on this host and port" in found.stderr
    assert "Traceback" not in found.stderr
    assert postmaster(data_dir) is None


def test_a_given_database_is_not_migrated_and_says_so(empty_database_url: str) -> None:
    env = environment(database_url=empty_database_url, drain_seconds="0")
    with running("serve", "--port", "0", env=env) as server:
        assert get(server.address, "/livez").status_code == 200
        assert get(server.address, "/readyz").status_code == 503
        assert invoke("migrate", env=env).exit_code == 0
        assert get(server.address, "/readyz").status_code == 200
        assert server.end() == 0


def test_a_request_in_flight_at_the_end_is_answered(database_url: str) -> None:
    """A slow body arrives while the server is ending: its sender still gets an answer."""
    env = environment(database_url=database_url, drain_seconds="0")
    with running("serve", "--port", "0", env=env) as server:
        organization_id = invoke("organization", "create", "in flight", env=env).stdout.strip()
        key = invoke("key", "create", organization_id, "--scope", "all", env=env).stdout.strip()
        host, port = server.address.removeprefix("http://").split(":")
        rating = {
            "case_id": "fam-7", "session_id": "enc-1", "held_at": "2026-01-05T16:00:00Z",
            "rater": {"id": "ana", "role": "youth"}, "instrument": "btg",
            "answers": {"bond": 8.5, "tasks": 7.0, "goals": 9.0},
        }  # fmt: skip
        body = json.dumps(rating).encode()
        head = (
            f"POST /v1/ratings HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection((host, int(port)), timeout=30) as slow:
            slow.sendall(head + body[:5])
            ended = threading.Thread(target=server.end)
            ended.start()
            while True:  # until the server has stopped listening
                try:
                    socket.create_connection((host, int(port)), timeout=30).close()
                except (ConnectionRefusedError, ConnectionResetError):
                    break
            slow.sendall(body[5:])
            assert b" 201 " in slow.recv(65536).split(b"\r\n")[0]
            ended.join()
        assert server.popen.returncode == 0


def test_python_m_service_is_the_same_command() -> None:
    found = call("--help", env=dict(os.environ))
    assert found.returncode == 0
    assert "evenkeel" in found.stdout
