"""The plainest sender: httpx posts the same message again and again, eight at a time, over connections that stay.

`python -m bench.poster COUNT PORT…` says how many messages a second, and the processor time of each in microseconds.
"""

import asyncio
import json
import sys
import time
from itertools import cycle

import httpx

AT_ONCE = 8
BODY = b'{"type":"alert.opened","timestamp":"2026-06-01T12:00:00.000Z","data":{"alert_id":"01a2","severity":"warning"}}'
HEADERS = {"Content-Type": "application/json", "webhook-id": "msg_1", "webhook-signature": "v1," + "a" * 44}


async def run(count: int, ports: list[str]) -> tuple[float, float]:
    begun, taken = time.perf_counter(), time.process_time()
    addresses = iter([next(found) for found in [cycle(ports)] for _ in range(count)])
    async with httpx.AsyncClient(trust_env=False) as client:

        async def post() -> None:
            for port in addresses:
                answered = await client.post(f"http://127.0.0.1:{port}/a", content=BODY, headers=HEADERS)
                answered.raise_for_status()

        await asyncio.gather(*(post() for _ in range(AT_ONCE * len(ports))))
    seconds, processor = time.perf_counter() - begun, time.process_time() - taken
    return count / seconds, 1e6 * processor / count


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(int(sys.argv[1]), sys.argv[2:]))))
