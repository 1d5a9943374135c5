"""`evenkeel worker`: delivers what is due, beside the service; more of them are more processes."""

import asyncio
import signal
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial

from prometheus_client import CollectorRegistry

from service.cli.database import reachable
from service.cli.ending import note, wait_for
from service.cli.serving import heed_sigterm, metrics_on
from service.delivering import delivering
from service.observing import configure_logs
from service.settings import Settings, read_settings
from service.watching import watching


def worker() -> None:
    """Deliver alerts to those who subscribed, until SIGTERM.

    Needs the same EVENKEEL_SECRET_KEYS as the service. With the embedded database it joins that of a running service.
    """
    heed_sigterm()
    with reachable(read_settings()) as settings:
        configure_logs(settings.log_level)
        registry, port = CollectorRegistry(), settings.metrics_port
        with nullcontext() if port is None else metrics_on(registry, settings.host, port):
            wait_for(_deliver(settings, registry))


async def _deliver(settings: Settings, registry: CollectorRegistry) -> None:
    """Deliver until a signal ends it, and what is under way then."""
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    clock = partial(datetime.now, UTC)
    async with delivering(settings, registry, clock), watching(settings, clock):
        note("delivering")
        await asked.wait()
