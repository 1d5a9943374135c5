"""The application: routers in reading order, error handlers, lifespan; no logic."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from time import monotonic

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from service.api import (
    alert_basis,
    alerts,
    backtests,
    batch,
    briefing,
    cases,
    catalogue,
    change_stream,
    changes,
    contract,
    course,
    deliveries,
    delivery_settings,
    devices,
    docs,
    episodes,
    errors,
    health,
    languages,
    late_handling,
    messages,
    rating_history,
    ratings,
    reassessments,
    references,
    repairs,
    rule_health,
    rule_parameters,
    sessions,
    subscriptions,
    therapists,
    tokens,
    webhooks,
)
from service.api.browsers import of_browsers
from service.api.key_ring import KeyRing
from service.api.keyed import Service
from service.api.transport import Transport
from service.db.engine import make_engine
from service.delivering import delivering
from service.domain.notices import NOTICE
from service.egress import Egress
from service.grouping import Writer
from service.jwks import ProviderKeys
from service.observing import Metrics, Observed
from service.processes import Runner
from service.settings import Settings
from service.waking import Waker
from service.watching import watching
from service.writing import write

PAGES = (
    cases,
    sessions,
    ratings,
    rating_history,
    batch,
    course,
    briefing,
    alerts,
    changes,
    change_stream,
    late_handling,
    alert_basis,
    repairs,
    episodes,
    therapists,
    reassessments,
    backtests,
    tokens,
    webhooks,
    deliveries,
    subscriptions,
    devices,
    delivery_settings,
    rule_health,
    catalogue,
    references,
    rule_parameters,
    languages,
    docs,
    health,
)  # in reading order


def create_app(settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> FastAPI:
    """Return the service over one database; `clock` tells the time, in UTC."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        engine = make_engine(settings)
        writer = Writer(partial(write, engine), settings.queue_limit, metrics.flushed)
        waker = Waker(engine, settings.listen_address, waits=metrics.readers.set)
        providers = ProviderKeys(Egress(settings.provider_allow_loopback), monotonic)
        keys = KeyRing(engine, settings.keys, providers)
        app.state.service = Service(settings, engine, writer, keys, clock, waker)
        app.state.runner = Runner(settings, engine)
        running = [asyncio.create_task(work.run()) for work in (app.state.runner, waker)]
        deliverer = delivering(settings, metrics.registry, clock) if settings.worker == "embedded" else nullcontext()
        watcher = watching(settings, clock) if settings.worker == "embedded" else nullcontext()
        try:
            async with deliverer, watcher:
                yield
                await writer.drain()
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
            await engine.dispose()

    app = FastAPI(
        title="Evenkeel",
        version=version("evenkeel"),
        description=f"The alliance in individual, couple and family therapy, and when it is at risk. {NOTICE}",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # whoever follows would send key and body once more, to the host that a header named
        telemetry={"tracing": False, "metrics": False, "logs": False},
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    app.state.metrics = metrics
    errors.install(app)
    contract.install(app)
    for page in PAGES:
        app.router.routes += page.router.routes  # as they are: included ones are matched twice, and router by router
    app.webhooks.routes += messages.router.routes
    app.add_middleware(Transport)
    if settings.origins:
        app.add_middleware(CORSMiddleware, **of_browsers(settings.origins))
    app.add_middleware(Observed, metrics=metrics)
    return app
