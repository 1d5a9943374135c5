"""One worker of the HTTP server: says where it listens, serves on for a while after SIGTERM, then ends in order."""

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from types import FrameType

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, start_http_server

from service.cli.ending import Failure, note
from service.main import create_app
from service.observing import configure_logs
from service.processes import spare_the_collector
from service.settings import Settings

GRACE_SECONDS = 10  # for requests still running when the listening socket is closed
BACKLOG = 2048

Greet = Callable[[str], Awaitable[None]]


async def _say_nothing(address: str) -> None:
    """Greet nobody."""


class Worker(uvicorn.Server):
    """A server that drains: after SIGTERM it is not ready, but serves on until load balancers have seen that.

    `greet` runs once the service answers; a Failure in it ends the service. A second SIGTERM, or Ctrl-C, skips the
    wait, never the flush.
    """

    def __init__(self, app: FastAPI, settings: Settings, greet: Greet = _say_nothing) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http="httptools",
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._app = app
        self._settings = settings
        self._greet = greet
        self.failure: Failure | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        address = _address(sockets[0]) if sockets else ""
        note(f"listening on {address}")
        try:
            await self._greet(address)
        except Failure as failure:
            self.failure = failure
            self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals while serving; a service that was asked to end and did is a success."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._drain)
        loop.add_signal_handler(signal.SIGINT, self._end)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)
            loop.remove_signal_handler(signal.SIGTERM)
            signal.signal(signal.SIGTERM, _is_ending)  # an embedded database is still to be stopped

    def _drain(self) -> None:
        if not self.started or self._app.state.service.draining:
            self._end()
            return
        self._app.state.service.draining = True
        asyncio.get_running_loop().call_later(self._settings.drain_seconds, self._end)

    def _end(self) -> None:
        if self.started:
            self._app.state.service.draining = True
            self._app.state.service.waker.end()  # who waits on is answered, and comes back to another process
        self.should_exit = True


def heed_sigterm() -> None:
    """End in order when asked to before serving has begun; the first process of a container would ignore it."""
    signal.signal(signal.SIGTERM, _end_early)


def _end_early(signum: int, frame: FrameType | None) -> None:
    raise SystemExit(0)


def _is_ending(signum: int, frame: FrameType | None) -> None:
    """Do nothing: it is ending already."""


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that holds a port before anything else starts, and listens only later; 0 takes a free one."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise Failure(f"cannot listen on this host and port: {error.strerror}; --port takes another") from None
    return bound


def _address(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(settings: Settings, bound: socket.socket, greet: Greet = _say_nothing) -> None:
    """Serve until a signal ends it; raises Failure when it cannot begin."""
    configure_logs(settings.log_level)
    app = create_app(settings)
    spare_the_collector()
    worker = Worker(app, settings, greet)
    registry = app.state.metrics.registry
    metrics = (
        nullcontext() if settings.metrics_port is None else metrics_on(registry, settings.host, settings.metrics_port)
    )
    with metrics:
        worker.run(sockets=[bound])
    if worker.failure is not None:
        raise worker.failure


@contextmanager
def metrics_on(registry: CollectorRegistry, host: str, port: int) -> Iterator[None]:
    """Serve the metrics on a port of their own, which need not be open to clients."""
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise Failure(f"cannot listen on EVENKEEL_METRICS_PORT: {error.strerror}") from None
    note(f"metrics on http://{host}:{server.server_port}/metrics")
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
