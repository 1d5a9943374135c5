"""What an operator sees: route templates, never a path, a body or a person."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy.exc import DBAPIError

from service.domain.retrying import Attempt
from service.domain.subscription import StateReason
from service.observing import DeliveryMetrics, Metrics, Observed, configure_logs, error_fields

pytestmark = pytest.mark.anyio


class Route:
    path = "/v1/cases/{case_id}"


def app_of(status: int = 200, route: Any = Route, error: Exception | None = None) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = route
        if error is not None:
            raise error
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


async def _nothing(*_: Any) -> None:
    """Receive or send nothing."""


def scope(method: str = "GET") -> dict[str, Any]:
    return {"type": "http", "method": method, "path": "/v1/cases/canary", "state": {"request_id": "r-1"}}


async def test_a_request_is_counted_and_logged_by_its_route() -> None:
    metrics = Metrics()
    with structlog.testing.capture_logs() as logs:
        await Observed(app_of(404), metrics)(scope("PUT"), _nothing, _nothing)
    (line,) = logs
    told = {"event": "request", "method": "PUT", "route": "/v1/cases/{case_id}", "status": 404, "request_id": "r-1"}
    assert {name: line[name] for name in told} == told
    text = metrics.text().decode()
    assert 'evenkeel_requests_total{method="PUT",route="/v1/cases/{case_id}",status="404"} 1.0' in text
    assert 'evenkeel_request_seconds_count{route="/v1/cases/{case_id}"} 1.0' in text
    assert "canary" not in text + str(logs)


async def test_an_address_without_a_route_is_not_named() -> None:
    metrics = Metrics()
    with structlog.testing.capture_logs() as logs:
        await Observed(app_of(404, route=None), metrics)(scope(), _nothing, _nothing)
    assert logs[0]["route"] == "unmatched"
    assert "canary" not in metrics.text().decode() + str(logs)


async def test_a_request_that_fails_is_noted_and_raised() -> None:
    metrics = Metrics()
    with structlog.testing.capture_logs() as logs, pytest.raises(RuntimeError):
        await Observed(app_of(error=RuntimeError("canary")), metrics)(scope(), _nothing, _nothing)
    assert (logs[0]["status"], "canary" in str(logs)) == (0, False)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/startupz", "/metrics"])
async def test_what_machines_ask_every_few_seconds_is_counted_not_logged(path: str) -> None:
    metrics = Metrics()
    route = type("Quiet", (), {"path": path})
    with structlog.testing.capture_logs() as logs:
        await Observed(app_of(route=route), metrics)(scope(), _nothing, _nothing)
    assert logs == []
    assert f'route="{path}"' in metrics.text().decode()


async def test_what_is_no_request_passes() -> None:
    passed = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["type"])

    await Observed(app, Metrics())({"type": "lifespan"}, _nothing, _nothing)
    assert passed == ["lifespan"]


def test_batches_and_what_still_waits() -> None:
    metrics = Metrics()
    for size, waiting in ((3, 7), (64, 0)):
        metrics.flushed(size, waiting)
    text = metrics.text().decode()
    assert 'evenkeel_batch_commands_bucket{le="4.0"} 1.0' in text
    assert "evenkeel_batch_commands_sum 67.0" in text
    assert "evenkeel_waiting_commands 0.0" in text


class Orig(Exception):
    sqlstate = "23505"


def test_an_error_is_its_type_its_code_and_its_place() -> None:
    error = DBAPIError("INSERT … canary", {"name": "canary"}, Orig("canary"))
    assert error_fields(error) == {"error": "DBAPIError", "sqlstate": "23505", "at": []}
    assert error_fields(ValueError("canary")) == {"error": "ValueError", "at": []}


async def test_places_are_those_of_the_service_alone() -> None:
    try:
        await Observed(app_of(error=KeyError("canary")), Metrics())(scope(), _nothing, _nothing)
    except KeyError as error:
        (place,) = error_fields(error)["at"]
    assert place.startswith("observing.__call__:")


@pytest.fixture
def _as_it_was() -> Iterator[None]:
    """Give logging back as it was: it is the whole process's, and other tests look at it too."""
    root, before = logging.getLogger(), structlog.get_config()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in ("", "httpx", "httpcore")}
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.usefixtures("_as_it_was")
def test_logs_are_lines_of_json_those_of_libraries_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info")
    structlog.get_logger().info("ours", size=3)
    structlog.get_logger().debug("too fine")
    try:
        raise ValueError("canary")
    except ValueError:
        logging.getLogger("some.library").exception("theirs")
    ours, theirs = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (ours["event"], ours["level"], ours["size"]) == ("ours", "info", 3)
    assert (theirs["event"], theirs["level"], theirs["error"]) == ("theirs", "error", "ValueError")
    assert all(line["timestamp"].endswith("Z") for line in (ours, theirs))
    assert "canary" not in str(theirs)


@pytest.mark.usefixtures("_as_it_was")
def test_the_least_level(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("error")
    structlog.get_logger().warning("quiet")
    logging.getLogger("some.library").warning("quiet")
    structlog.get_logger().error("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]


def test_what_a_worker_counts() -> None:
    registry = CollectorRegistry()
    metrics = DeliveryMetrics(registry)
    for status, error in ((204, None), (503, None), (503, None), (None, "timeout")):
        at = datetime(2026, 6, 1, tzinfo=UTC)
        metrics.attempted("webhook", Attempt(at=at, milliseconds=1, status=status, error=error))
    metrics.disabled(StateReason.gone)
    metrics.oldest(12.5)
    page = generate_latest(registry).decode()
    for outcome, count in (("delivered", 1), ("503", 2), ("timeout", 1)):
        assert f'evenkeel_delivery_attempts_total{{channel="webhook",outcome="{outcome}"}} {count}.0' in page
    assert 'evenkeel_subscriptions_disabled_total{reason="gone"} 1.0' in page
    assert "evenkeel_oldest_waiting_delivery_seconds 12.5" in page


@pytest.mark.usefixtures("_as_it_was")
def test_clients_of_ours_name_no_address_even_where_all_is_logged() -> None:
    configure_logs("debug")
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    assert not logging.getLogger("httpcore.http11").isEnabledFor(logging.DEBUG)


def test_alerts_are_counted_by_rule_and_what_was_done() -> None:
    registry = CollectorRegistry()
    metrics = DeliveryMetrics(registry)
    metrics.alerts([("sudden-drop", "new", 3), ("sudden-drop", "dismissed", 1)])
    metrics.alerts([("sudden-drop", "new", 2)])
    found = {
        sample.labels["handling"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "evenkeel_alerts"
    }
    assert found == {"new": 2.0}
