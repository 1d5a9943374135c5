"""What an operator sees: structured logs and metrics, with route templates only, never a path, a body or a person."""

import logging
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from msgspec.json import encode
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from service.domain.retrying import Attempt
from service.domain.subscription import StateReason

log = structlog.get_logger()

HOME = str(Path(__file__).parent)

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def configure_logs(level: str) -> None:
    """Write one JSON line per event to standard error, those of libraries too, from a level on."""
    shared: list[Any] = [structlog.stdlib.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(_line_of)],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_exception,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("httpx", "httpcore"):  # they name addresses, and these may hold a secret of their owner
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _line_of(event: Any, default: Callable[[Any], Any], **_: Any) -> str:
    """Return an event of ours as a line of JSON, quickly, since every request has one."""
    return encode(event, enc_hook=default).decode()


def _without_exception(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name an exception's type and places; its text may hold a row's values."""
    info = event.pop("exc_info", None)
    error = info[1] if isinstance(info, tuple) else info if isinstance(info, BaseException) else None
    return event if error is None else {**event, **error_fields(error)}


def error_fields(error: BaseException) -> dict[str, Any]:
    """Return what may be said of an error: its type, the database's code for it, and where it arose."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if HOME in frame.filename]
    state = getattr(getattr(error, "orig", error), "sqlstate", None)  # the driver's, wrapped or bare
    at = [f"{Path(frame.filename).stem}.{frame.name}:{frame.lineno}" for frame in frames[-8:]]
    return {"error": type(error).__name__, **({"sqlstate": state} if state else {}), "at": at}


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "evenkeel_requests", "Requests answered", ("method", "route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "evenkeel_request_seconds", "Time to answer", ("route",), buckets=SECONDS, registry=self.registry
        )
        self.batches = Histogram(
            "evenkeel_batch_commands", "Commands stored in one transaction", buckets=SIZES, registry=self.registry
        )
        self.waiting = Gauge("evenkeel_waiting_commands", "Commands waiting after a batch", registry=self.registry)
        self.readers = Gauge("evenkeel_waiting_readers", "Readers who wait for changes", registry=self.registry)
        self.of_requests = cache(self._of_requests)

    def _of_requests(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """Return what counts and what times such requests; both are kept, since finding them again is dear."""
        return self.requests.labels(method, route, status), self.seconds.labels(route)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note an answered request."""
        requests, times = self.of_requests(method, route, status)
        requests.inc()
        times.observe(seconds)

    def flushed(self, size: int, waiting: int) -> None:
        """Note a stored batch and how many commands still wait in its queue."""
        self.batches.observe(size)
        self.waiting.set(waiting)

    def text(self) -> bytes:
        """Return the metrics in the text format of Prometheus."""
        return generate_latest(self.registry)


class DeliveryMetrics:
    """The metrics of a worker that delivers, among others of its process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._attempts = Counter(
            "evenkeel_delivery_attempts", "Attempts to deliver", ("channel", "outcome"), registry=registry
        )
        self._disabled = Counter(
            "evenkeel_subscriptions_disabled", "Subscriptions given up", ("reason",), registry=registry
        )
        self._oldest = Gauge(
            "evenkeel_oldest_waiting_delivery_seconds", "Age of the oldest change not yet delivered", registry=registry
        )

        self._alerts = Gauge(
            "evenkeel_alerts",
            "Alerts that opened within 30 days, and what was done",
            ("rule", "handling"),
            registry=registry,
        )

    def attempted(self, channel: str, attempt: Attempt) -> None:
        """Note an attempt: delivered, the status that refused it, or what went wrong."""
        outcome = "delivered" if attempt.delivered else str(attempt.status or attempt.error)
        self._attempts.labels(channel, outcome).inc()

    def disabled(self, reason: StateReason) -> None:
        self._disabled.labels(reason.value).inc()

    def alerts(self, counts: Iterable[tuple[str, str, int]]) -> None:
        """Tell how many alerts of each rule were handled how; what is no more goes."""
        self._alerts.clear()
        for rule, handling, count in counts:
            self._alerts.labels(rule, handling).set(count)

    def oldest(self, seconds: float) -> None:
        self._oldest.set(seconds)


Message = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]


class Observed:
    """The layer that counts and logs every request."""

    def __init__(self, app: App, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, started = 0, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Any, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        self.metrics.answered(scope["method"], route, status, seconds)
        if route not in QUIET:
            request_id = scope.get("state", {}).get("request_id")
            milliseconds = round(seconds * 1000, 2)
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                ms=milliseconds,
                request_id=request_id,
            )


QUIET = frozenset({"/livez", "/readyz", "/startupz", "/metrics"})  # asked every few seconds by machines
