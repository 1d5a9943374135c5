"""The receiver and the plain sender of the benchmark: what is sent arrives. Nothing is timed."""

import asyncio

import httpx

from bench.poster import BODY, HEADERS, run
from bench.webhooks import receiving


def test_every_receiver_takes_what_is_posted() -> None:
    with receiving(3) as ports:
        assert len(set(ports)) == 3
        for port in ports:
            with httpx.Client(trust_env=False) as client:
                answers = [client.post(f"http://127.0.0.1:{port}/a", content=BODY, headers=HEADERS) for _ in range(3)]
            assert {answered.status_code for answered in answers} == {204}
        rate, cpu = asyncio.run(run(30, ports))
    assert rate > 0
    assert cpu > 0
