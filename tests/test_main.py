"""The application: what is in it, in which order, and that it ends with nothing unsaved."""

import asyncio
from itertools import groupby
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.api.keyed import Service
from service.main import PAGES, create_app
from service.settings import Settings
from tests.factories import post, rating_facts
from tests.writes import Desk, let_in

pytestmark = pytest.mark.anyio


def test_every_page_is_in_it_in_reading_order() -> None:
    published = list(create_app(Settings()).openapi()["paths"])
    assert published[0] == "/v1/cases/{case_id}"
    tags = [tag for tag, _ in groupby(page.router.tags[0] for page in PAGES)]
    told = ("cases", "sessions", "ratings", "batch", "course", "alerts", "jobs", "tokens", "webhooks", "subscriptions")
    assert tags == [*told, "catalogues", "health"]


def test_applications_share_nothing() -> None:
    one, other = create_app(Settings()), create_app(Settings())
    assert one.state.metrics is not other.state.metrics
    assert one.state.metrics.registry is not other.state.metrics.registry


def test_starting_needs_no_database() -> None:
    """Readiness says what is missing; a process that ends at once would only be started again."""
    app = create_app(Settings(pool_seconds=1.0).with_database("postgresql://nobody@127.0.0.1:1/none"))

    async def started() -> bool:
        async with app.router.lifespan_context(app):
            return isinstance(app.state.service, Service)

    assert asyncio.run(started())


async def test_what_was_accepted_is_stored_before_the_end(
    settings: Settings, engine: AsyncEngine, organization: UUID
) -> None:
    await let_in(engine, organization)
    app = create_app(settings)
    sessions = [f"s{number}" for number in range(100)]  # more than one batch holds
    async with app.router.lifespan_context(app):
        service: Service = app.state.service
        promises = [service.writer.accept(organization, post(rating_facts(session_id=item))) for item in sessions]
        assert not any(promise.done() for promise in promises)
    assert all(promise.done() for promise in promises)
    stored = await Desk(engine, organization).stored()
    assert sorted(item.facts.session_id for item in stored.ratings) == sorted(sessions)
