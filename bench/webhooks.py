"""Webhooks: how many messages a second one worker delivers, beside the plainest sender of the same."""

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median

import httpx

from bench.clocks import process_seconds
from bench.measures import Stage
from bench.rows import Row, with_ratio
from bench.stage import PATIENCE, serving, settings_of

MESSAGES = 4000
RECEIVERS = (1, 16)

WAITING = """
INSERT INTO deliveries (organization_id, subscription_id, event_id, event, occurred_at, state, tried, due_at, attempts)
SELECT organization_id, subscription_id, gen_random_uuid(), 'webhook.test', now(), 'waiting', 0, now(), '[]'
FROM subscriptions, generate_series(1, {each}) WHERE state = 'active'
"""
TOOK = "SELECT extract(epoch FROM max(settled_at) - min(settled_at))::float AS seconds FROM deliveries"
LEFT = "SELECT count(*) AS left FROM deliveries WHERE state <> 'delivered'"


def webhooks(stage: Stage) -> list[Row]:
    """Compare one worker with a plain loop that posts: to one receiver, and to several."""
    rows = []
    count = MESSAGES if stage.size.rounds > 1 else MESSAGES // 8
    for receivers in RECEIVERS:
        pairs = []
        for _ in range(stage.size.rounds):
            with receiving(receivers) as ports:
                pairs.append((_delivered(stage, ports, count), _posted(ports, count)))
        ours, theirs = ([pair[which] for pair in pairs] for which in (0, 1))
        to = "a receiver" if receivers == 1 else f"{receivers} receivers"
        against = replace(_row("httpx, eight at a time to each", theirs), note="webhooks ÷ this")
        shares = median(mine[0] / other[0] for mine, other in pairs)
        rows += [_row(f"webhooks to {to}, one worker", ours), with_ratio(against, shares)]
    return rows


def _row(what: str, seen: list[tuple[float, float]]) -> Row:
    return Row(what, rate=median(rate for rate, _ in seen), server_cpu=median(cpu for _, cpu in seen))


@contextmanager
def receiving(count: int) -> Iterator[list[str]]:
    """Yield the ports of some receivers in a process of their own."""
    popen = subprocess.Popen([sys.executable, "-m", "bench.receivers", str(count)], stdout=subprocess.PIPE, text=True)
    try:
        assert popen.stdout is not None
        yield popen.stdout.readline().split()
    finally:
        popen.terminate()
        popen.communicate()


def _posted(ports: list[str], count: int) -> tuple[float, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.poster", str(count), *ports], capture_output=True, text=True, check=True
    )
    rate, cpu = json.loads(done.stdout)
    return rate, cpu


def _delivered(stage: Stage, ports: list[str], count: int) -> tuple[float, float]:
    """Return how many messages a second a worker delivered, and what each took of its processor, in microseconds."""
    secrets = {"EVENKEEL_SECRET_KEYS": b64encode(os.urandom(32)).decode(), "EVENKEEL_WEBHOOK_ALLOW_LOOPBACK": "true"}
    env = {**settings_of(stage.database), **secrets}
    headers = {"Authorization": f"Bearer {stage.token}"}
    with (
        serving("service", "serve", "--port", "0", env=env) as server,
        httpx.Client(base_url=server.address, headers=headers, trust_env=False) as client,
    ):
        for number, port in enumerate(ports):
            client.put(f"/v1/webhooks/w{number}", json={"url": f"http://127.0.0.1:{port}/a"}).raise_for_status()
        with _working(env) as worker:
            before = process_seconds(worker.pid)
            stage.database.run(WAITING.format(each=count // len(ports)), "SELECT 1")
            until = time.monotonic() + PATIENCE
            while stage.database.run(LEFT)[0]["left"]:
                if time.monotonic() > until:
                    raise TimeoutError("not everything was delivered")
                time.sleep(0.2)
            after = process_seconds(worker.pid)
        seconds = stage.database.run(TOOK)[0]["seconds"]
        stage.database.run("DELETE FROM deliveries", "SELECT 1")
        for number in range(len(ports)):
            client.delete(f"/v1/webhooks/w{number}").raise_for_status()
    taken = float("nan") if before is None or after is None else 1e6 * (after - before) / count
    return count / seconds, taken


@contextmanager
def _working(env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a worker that has begun."""
    popen = subprocess.Popen(
        [sys.executable, "-m", "service", "worker"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert popen.stdout is not None
        while b"delivering" not in popen.stdout.readline():
            if popen.poll() is not None:
                raise RuntimeError("the worker ended")
        yield popen
    finally:
        popen.terminate()
        popen.communicate()
