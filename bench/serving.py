"""Serves an application that ours is compared with as ours is served: one worker, uvloop, httptools, no access log."""

import socket
from typing import Any

import uvicorn

BACKLOG = 2048


def serve(app: Any) -> None:
    """Serve on a free port until a signal comes; says where it listens."""
    bound = socket.create_server(("127.0.0.1", 0), backlog=BACKLOG)
    print(f"listening on http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, loop="uvloop", http="httptools", ws="none", log_level="critical", access_log=False)
    uvicorn.Server(config).run(sockets=[bound])
