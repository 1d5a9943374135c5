import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from service.db.rows import (
    alert_of,
    alert_row,
    case_of,
    rating_record_of,
    rating_row,
    revision_of,
    revision_row,
    session_record_of,
)
from service.domain.assess import assess
from service.domain.commands import RatingFacts, RetractionReason
from service.domain.model import Phase
from service.domain.reconcile import Alert, Handling, Origin
from service.domain.records import CaseRecord, RatingRecord, RatingState, SessionRecord
from tests.factories import NOW, START, case_facts, course, family, rating_facts, session_facts, srs

RATING = str(UUID(int=1))


def _through_json(row: dict[str, Any], *documents: str) -> dict[str, Any]:
    """Return a row as the database gives it back: documents have been JSON in between."""
    return {name: json.loads(json.dumps(value)) if name in documents else value for name, value in row.items()}


FACTS = [
    rating_facts(),
    rating_facts("eva", srs(0.1, 9.9, 5.0, 7.3), record_id="r-1", record_version=0, not_alone=False, locale="nl"),
    rating_facts("tom", given={"total": 33.3, "bond": 8.0, "goals": 8.1, "tasks": 8.6, "overall": 8.6}, not_alone=True),
    rating_facts("ana", held_at=None, answered_at=datetime(2026, 1, 5, 1, 2, 3, 456000, tzinfo=UTC), phase=Phase.pre),
    rating_facts("dr-7", about="member/ana", held_at=START.astimezone(timezone(timedelta(hours=-5)))),
    rating_facts("o1", about="subsystem/parents"),
    rating_facts("kim", instrument="csrs"),
]


def _record(facts: RatingFacts) -> RatingRecord:
    return RatingRecord(
        rating_id=RATING,
        facts=facts,
        instrument_version="1",
        state=RatingState.live,
        reason=None,
        revision=1,
        received_at=NOW,
        changed_at=NOW,
    )


@pytest.mark.parametrize("facts", FACTS)
def test_ratings_come_back_as_they_went(facts: RatingFacts) -> None:
    row = _through_json(rating_row(_record(facts)), "facts", "scores")
    back = rating_record_of(row)
    assert back == _record(facts)
    assert back.facts.scores == facts.scores  # which equality of facts leaves out


def test_a_history_comes_back_as_it_went() -> None:
    first, second = rating_facts(), rating_facts(answers=srs(5.0))
    record = _record(first).revised(second, RatingState.live, None, NOW)
    record = record.revised(second, RatingState.retracted, RetractionReason.wrong_member, NOW + timedelta(1))
    row = _through_json(rating_row(record), "facts", "scores")
    past = [_through_json(revision_row(record, old), "facts", "scores") for old in record.past]
    back = rating_record_of(row, tuple(revision_of(row, old) for old in past))
    assert back == record
    assert [old.facts.scores for old in back.past] == [first.scores, second.scores]
    assert {old["rating_id"] for old in past} == {UUID(RATING)}


def test_what_can_be_found_has_a_column_of_its_own() -> None:
    row = rating_row(_record(rating_facts(record_id="r-1")))
    assert (row["case_id"], row["session_id"], row["record_id"]) == ("fam-42", "s1", "r-1")
    assert (row["rater_kind"], row["rater_id"], row["state"]) == ("member", "ana", "live")
    assert "case_id" not in row["facts"]


def test_cases_and_sessions_come_back_as_they_went() -> None:
    case = CaseRecord(
        case_id="c",
        facts=case_facts(members={"ana": "youth"}),
        announced=True,
        revision=3,
        created_at=NOW,
        changed_at=NOW,
    )
    assert case_of({name: getattr(case, name) for name in case.__dataclass_fields__}) == case
    for facts, inherited in ((None, None), (session_facts(status="no-show"), ("dr-7", "dr-8")), (None, ())):
        session = SessionRecord(
            case_id="c",
            session_id="s",
            facts=facts,
            inherited=inherited,
            revision=1,
            created_at=NOW,
            changed_at=NOW,
            overdue_at=NOW if facts else None,
        )
        row = {name: getattr(session, name) for name in session.__dataclass_fields__}
        row["inherited"] = None if inherited is None else list(inherited)
        assert session_record_of(row) == session


def test_what_an_older_version_stored_is_read_with_the_facts_that_came_since() -> None:
    times = {"created_at": NOW, "changed_at": NOW, "overdue_at": None}
    rows = {"case_id": "c", "session_id": "s", "announced": True, "revision": 1, **times}
    member = {"role": "youth", "active": True, "expected": True, "index": False}
    facts = {**case_facts(), "members": {"ana": member}}
    del facts["checklist"], facts["walls"]
    assert case_of({**rows, "rules_since": 0, "facts": facts}).facts == case_facts(members={"ana": "youth"})
    told = session_facts(status="no-show")
    older = {name: value for name, value in told.items() if name not in ("readiness", "hope")}
    assert session_record_of({**rows, "facts": older, "inherited": None}).facts == told


@pytest.mark.parametrize(
    "handling",
    [
        {},
        {"handling": Handling.snoozed, "snoozed_until": NOW, "handled": {"by": "dr-7"}, "handling_revision": 2},
        {"handling": Handling.dismissed, "snoozed_until_number": 7, "origin": Origin.backfill, "revision": 4},
        {"last_repair": {"id": "r-1", "next_step": "check-in", "with": ["family"]}},
    ],
)
def test_alerts_come_back_as_they_went(handling: dict[str, Any]) -> None:
    concerns = assess(course(ana=[90, 90, 90, 90, 30, 31], eva=[90, 91, 90, 90, 90, 90]), family())
    assert concerns
    for concern in concerns:
        usual: dict[str, Any] = {"origin": Origin.live, "opened_at": NOW, "changed_at": NOW, "change_number": 2**40}
        alert = Alert(
            alert_id=str(uuid7()), case_id="c", concern=concern, therapists=("dr-7",), **{**usual, **handling}
        )
        row = _through_json(alert_row(alert), "handled", "last_repair")
        assert alert_of(row) == alert
        assert (row["rule"], row["severity"], row["state"]) == (concern.rule, concern.severity, concern.state)
        assert row["sessions"] == list(concern.sessions)
