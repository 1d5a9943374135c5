"""A form's ratings as a sample: which count, whose they are, and in which order."""

from typing import Any
from uuid import uuid4

import pytest

from service.db import samples
from service.db.engine import transaction
from service.domain.calibration import Answered
from service.domain.model import MemberRole, Phase, RaterKind, SessionStatus
from tests.factories import OBSERVER, THERAPIST, held_at, post, put_session, rating_facts, retract, session_facts, srs
from tests.writes import Desk

pytestmark = pytest.mark.anyio


async def rate(desk: Desk, who: str, mark: float = 9.0, number: int = 1, **facts: Any) -> str:
    """Store a rating and return its id."""
    usual = {"session_id": f"s{number}", "held_at": held_at(number), **facts}
    outcome = await desk.one(post(rating_facts(who, srs(mark), **usual)))
    assert outcome.rating is not None
    return outcome.rating.rating_id


async def sample(desk: Desk, instrument: str = "srs", locale: str | None = None) -> list[Answered]:
    async with transaction(desk.engine, desk.organization) as db:
        return [rating async for rating in samples.sample_of(db, instrument, locale)]


async def test_each_persons_ratings_come_in_the_order_of_the_course(desk: Desk) -> None:
    for number, mark in ((2, 8.0), (1, 9.0), (3, 7.0)):
        await rate(desk, "ana", mark, number)
    await rate(desk, THERAPIST, 6.0, about="member/ana")
    found = await sample(desk)
    assert [(item.person, round(item.percents["total"])) for item in found] == [
        (("fam-42", "member", "ana", "therapist"), 90),
        (("fam-42", "member", "ana", "therapist"), 80),
        (("fam-42", "member", "ana", "therapist"), 70),
        (("fam-42", "therapist", THERAPIST, "member/ana"), 60),
    ]
    assert (found[0].kind, found[0].role, found[0].answers) == (RaterKind.member, MemberRole.youth, srs(9.0))
    assert (found[3].kind, found[3].role) == (RaterKind.therapist, None)


async def test_what_is_no_rating_of_the_therapist_after_a_session_does_not_count(desk: Desk) -> None:
    await rate(desk, "eva", phase=Phase.pre)
    await rate(desk, "eva", about="family")
    await rate(desk, "eva", instrument="gsrs")
    await desk.one(retract(await rate(desk, "tom")))
    cancelled = session_facts(held_at=held_at(9).isoformat(), status=SessionStatus.cancelled.value)
    await desk.one(put_session(cancelled, "s9"))
    await rate(desk, "tom", number=9)
    assert await sample(desk) == []
    await rate(desk, "eva", about="therapist/dr-8")
    assert [item.person[3] for item in await sample(desk)] == ["therapist/dr-8"]
    assert [item.person[2] for item in await sample(desk, "gsrs")] == ["eva"]


async def test_a_language_is_that_of_the_form_with_its_regions(desk: Desk) -> None:
    for place, locale in enumerate(("nl", "nl-BE", "de", None, "nld"), start=1):
        await rate(desk, "ana", number=place, locale=locale)
    assert [len(await sample(desk, locale=told)) for told in (None, "nl", "nl-BE", "de", "fr")] == [5, 2, 1, 1, 0]


async def test_all_cases_of_the_organization_and_of_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "CASE_IDS", samples.case_ids(2))
    for place in range(5):
        await rate(desk, OBSERVER if place == 0 else "ana", case_id=f"case-{place}", about="therapist")
    found = await sample(desk)
    assert [item.person[0] for item in found] == [f"case-{place}" for place in range(5)]
    async with transaction(desk.engine, uuid4()) as stranger:
        assert [rating async for rating in samples.sample_of(stranger, "srs", None)] == []
