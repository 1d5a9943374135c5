"""The examples are data; what the service says about them is tested in test_demo."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from service.cli.demo_families import EXAMPLES, TORN, Example, first_post
from service.domain.indicators import KINDS
from service.domain.instruments import instruments
from service.domain.scoring import score_answers

ANCHOR = datetime(2026, 11, 25, 14, tzinfo=UTC)
ID = re.compile(r"[a-z]+(-[a-z]+)*(-[0-9])?")  # surrogates: a place in the family, never a name

each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.case_id)


@each_example
def test_tells_the_family_first_then_each_session_before_its_forms(example: Example) -> None:
    lines = list(example.lines(ANCHOR))
    assert lines[0]["type"] == "case"
    sessions: list[str] = []
    for line in lines[1:]:
        if line["type"] == "session":
            sessions.append(line["session_id"])
        else:
            assert line["session_id"] == sessions[-1]
    assert sessions == [f"session-{number}" for number in range(1, example.sessions + 1)]


@each_example
def test_sessions_lie_a_week_apart_and_the_newest_is_of_this_week(example: Example) -> None:
    held = [datetime.fromisoformat(line["held_at"]) for line in example.lines(ANCHOR) if line["type"] == "session"]
    assert {after - before for before, after in pairwise(held)} == {timedelta(weeks=1)}
    assert timedelta(0) < ANCHOR - held[-1] < timedelta(weeks=1)


@each_example
def test_every_form_is_complete_and_by_somebody_of_the_family(example: Example) -> None:
    for line in example.lines(ANCHOR):
        if line["type"] != "rating":
            continue
        instrument = instruments()[line["instrument"]]
        assert set(score_answers(instrument, line["answers"])) == set(instrument.dimensions)
        assert line["rater"]["id"] in {*example.facts["members"], *example.facts["therapists"]}


@each_example
def test_people_and_behaviours_have_codes_and_no_names(example: Example) -> None:
    assert all(ID.fullmatch(code) for code in (example.case_id, *example.facts["members"]))
    for event in example.events.values():
        for indicator in event.get("indicators", {}).values():
            assert indicator["kind"] in KINDS


def test_the_first_post_is_the_one_form_that_is_missing() -> None:
    post = first_post(ANCHOR)
    newest = [line for line in TORN.lines(ANCHOR) if line.get("session_id") == post["session_id"]]
    assert post["rater"] == {"id": "youth-1", "role": "youth"}
    assert {line["held_at"] for line in newest} == {post["held_at"]}
    assert {line["rater"]["id"] for line in newest if line["type"] == "rating"} == {"parent-1", "parent-2"}
