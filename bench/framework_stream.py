"""The framework's own stream: a queue for each listener, each event encoded for each of them; nothing is stored.

`python -m bench.framework_stream FILE`: the data of every event, as ours has it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import FastAPI
from fastapi.sse import EventSourceResponse, ServerSentEvent

from bench.serving import serve


def create_app(data: str) -> FastAPI:
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})
    queues: set[asyncio.Queue[int]] = set()

    @app.get("/stream", response_class=EventSourceResponse)
    async def stream() -> AsyncIterator[ServerSentEvent]:
        queue: asyncio.Queue[int] = asyncio.Queue()
        queues.add(queue)
        try:
            while True:
                number = await queue.get()
                yield ServerSentEvent(raw_data=data, event="alert", id=str(number))
        finally:
            queues.discard(queue)

    @app.post("/publish/{number}")
    async def publish(number: int) -> dict[str, int]:
        for queue in queues:
            queue.put_nowait(number)
        return {"listeners": len(queues)}

    @app.get("/livez")
    async def livez() -> dict[str, str]:
        return {}

    return app


if __name__ == "__main__":
    serve(create_app(Path(sys.argv[1]).read_text(encoding="utf-8")))
