from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.domain.facts import (
    EMPTY_CASE,
    EMPTY_SESSION,
    completed,
    family_of,
    held_at_of,
    merge_patch,
    patched,
    rating_of,
    session_of,
    status_of,
    time_of,
)
from service.domain.model import (
    Attendance,
    Indicator,
    Member,
    MemberRole,
    Period,
    RaterKind,
    SessionStatus,
    Task,
    TaskOutcome,
)
from service.domain.noted import AgeBand, Noted, Reading
from tests.factories import NOW, START, case_facts, rating_facts, session_facts, srs

# The shapes of the test cases in RFC 7396, appendix A, in the words of this house.
MERGES: list[tuple[Any, Any, Any]] = [
    ({"role": "child"}, {"role": "youth"}, {"role": "youth"}),
    ({"role": "child"}, {"active": True}, {"role": "child", "active": True}),
    ({"role": "child"}, {"role": None}, {}),
    ({"role": "child", "active": True}, {"role": None}, {"active": True}),
    ({"members": ["ana"]}, {"members": "ana"}, {"members": "ana"}),
    ({"members": "ana"}, {"members": ["ana"]}, {"members": ["ana"]}),
    ({"ana": {"role": "child"}}, {"ana": {"role": "youth", "index": None}}, {"ana": {"role": "youth"}}),
    ({"periods": [{"to": None}]}, {"periods": [1]}, {"periods": [1]}),
    (["eva", "tom"], ["ana", "kim"], ["ana", "kim"]),
    ({"role": "child"}, ["eva"], ["eva"]),
    ({"role": "child"}, None, None),
    ({"role": "child"}, "youth", "youth"),
    ({"program": None}, {"mandated": True}, {"program": None, "mandated": True}),
    ([1, 2], {"ana": "youth", "tom": None}, {"ana": "youth"}),
    ({}, {"ana": {"held": {"enc-9": None}}}, {"ana": {"held": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "merged"), MERGES)
def test_merge_patch(target: object, patch: object, merged: object) -> None:
    assert merge_patch(target, patch) == merged


def test_merge_patch_leaves_the_target_alone() -> None:
    target = {"ana": {"role": "child"}}
    merge_patch(target, {"ana": {"role": "youth"}})
    assert target == {"ana": {"role": "child"}}


@pytest.mark.parametrize(
    ("patch", "name", "value"),
    [
        ({"membership": None}, "membership", "open"),
        ({"members": None}, "members", {}),
        ({"therapists": None}, "therapists", []),
        ({"periods": None}, "periods", []),
    ],
)
def test_a_null_at_the_top_restores_the_default(patch: dict[str, Any], name: str, value: object) -> None:
    told = case_facts(membership="fixed", members={"eva": "parent"}, therapists=["dr-7"], periods=[{"to": None}])
    assert patched(told, patch, EMPTY_CASE)[name] == value


def test_a_new_entry_gets_the_defaults_it_does_not_name() -> None:
    case = patched(EMPTY_CASE, {"members": {"eva": {"role": "parent", "expected": False}}}, EMPTY_CASE)
    usual = {"active": True, "index": False, "supporter": False, "age_band": None, "voice": None}
    assert case["members"]["eva"] == {"role": "parent", "expected": False, **usual}
    told = {"kind": "hostility", "from": "member/ana", "severity": 2, "source": "observer/o1"}
    session = patched(EMPTY_SESSION, {"indicators": {"i1": told}}, EMPTY_SESSION)
    assert session["indicators"]["i1"] == {**told, "toward": None}
    begun = patched(EMPTY_CASE, {"periods": [{"from": "2026-01-01"}]}, EMPTY_CASE)
    assert begun["periods"] == [{"from": "2026-01-01", "to": None, "ended_as": None}]


def test_a_null_within_an_entry_restores_its_default() -> None:
    told = case_facts(members={"eva": {"role": "parent", "active": False}})
    assert patched(told, {"members": {"eva": {"active": None}}}, EMPTY_CASE) == case_facts(members={"eva": "parent"})


def test_decisions_get_the_defaults_they_do_not_name() -> None:
    said = {"voice": {"state": "goes-without", "decided_in": "s3"}}
    patch = {"members": {"oma": {"role": "grandparent", **said}}, "checklist": {"rationale-given": {"state": "open"}}}
    case = patched(EMPTY_CASE, patch, EMPTY_CASE)
    assert case["members"]["oma"]["voice"] == {"state": "goes-without", "decided_in": "s3", "decided_on": None}
    assert case["checklist"] == {"rationale-given": {"state": "open", "decided_in": None, "decided_on": None}}
    later = patched(case, {"members": {"oma": {"voice": {"decided_on": "2026-02-01"}}}}, EMPTY_CASE)
    assert later["members"]["oma"]["voice"] == {**said["voice"], "decided_on": "2026-02-01"}
    assert patched(case, {"members": {"oma": {"voice": None}}}, EMPTY_CASE)["members"]["oma"]["voice"] is None


def test_what_an_older_version_stored_gets_the_defaults_of_what_came_since() -> None:
    told = case_facts(members={"eva": "parent"}, program="trauma")
    older = {name: value for name, value in told.items() if name not in ("checklist", "walls")}
    older["members"] = {"eva": {"role": "parent", "active": True, "expected": True, "index": False}}
    assert completed(older, EMPTY_CASE) == told
    assert older["members"]["eva"].keys() == {"role", "active", "expected", "index"}  # which is left as it was
    held = session_facts(status="held", attendance={"ana": "late"})
    assert completed({name: held[name] for name in ("status", "attendance")}, EMPTY_SESSION) == held


def test_time_of() -> None:
    assert time_of(None) is None
    assert time_of("2026-01-05T17:00:00+01:00") == datetime(2026, 1, 5, 16, 0, tzinfo=UTC)


def test_family_of() -> None:
    told = case_facts(
        modality="couple",
        program="trauma",
        members={"eva": "partner", "oma": {"role": "grandparent", "expected": False, "index": True}},
        subsystems={"women": ["eva", "oma"]},
        therapists=["dr-7"],
        periods=[{"from": "2026-01-01", "to": "2026-02-01", "ended_as": "completed"}],
    )
    found = family_of(told)
    assert found.members == {
        "eva": Member(MemberRole.partner),
        "oma": Member(MemberRole.grandparent, expected=False, index=True),
    }
    assert found.checklist == {}
    assert found.subsystem("women") == {"eva", "oma"}
    assert (found.modality, found.program, found.therapists) == ("couple", "trauma", ("dr-7",))
    assert found.periods == (Period("2026-01-01", "2026-02-01", "completed"),)


def test_family_of_what_was_noted() -> None:
    voice = {"state": "heard-elsewhere", "decided_in": None, "decided_on": "2026-02-01"}
    told = case_facts(
        members={"oma": {"role": "grandparent", "supporter": True, "age_band": "18-and-over", "voice": voice}},
        checklist={"nobody-blamed": {"state": "ticked", "decided_in": "s2", "decided_on": None}},
    )
    found = family_of(told)
    assert found.members["oma"] == Member(
        MemberRole.grandparent,
        supporter=True,
        age_band=AgeBand.grown_up,
        voice=Noted("heard-elsewhere", decided_on="2026-02-01"),
    )
    assert found.checklist == {"nobody-blamed": Noted("ticked", decided_in="s2")}


EARLY, LATE = rating_facts("eva", held_at=START), rating_facts("tom", held_at=START + timedelta(hours=1))
UNTIMED = rating_facts("ana", held_at=None)


@pytest.mark.parametrize(
    ("announced", "ratings", "held_at"),
    [
        (session_facts(held_at=NOW.isoformat()), [EARLY, LATE], NOW),  # what was announced stands
        (None, [LATE, EARLY], START),  # else the earliest
        (session_facts(), [LATE, UNTIMED], LATE.held_at),
        (None, [UNTIMED], None),
        (None, [], None),
    ],
)
def test_held_at(announced: dict[str, Any] | None, ratings: list[Any], held_at: datetime | None) -> None:
    assert held_at_of(announced, ratings) == held_at


@pytest.mark.parametrize(
    ("announced", "rated", "status"),
    [
        (None, True, SessionStatus.held),
        ("scheduled", False, SessionStatus.scheduled),
        ("scheduled", True, SessionStatus.held),
        ("cancelled", True, SessionStatus.cancelled),
        ("no-show", True, SessionStatus.no_show),
    ],
)
def test_status(announced: str | None, rated: bool, status: SessionStatus) -> None:
    told = session_facts(status=announced) if announced else None
    assert status_of(told, [EARLY] if rated else []) is status


def test_session_of_everything() -> None:
    told = session_facts(
        held_at=START.isoformat(),
        attendance={"ana": "late", "tom": "not-invited"},
        indicators_observed=True,
        indicators={
            "i2": {"kind": "engages", "from": "member/eva", "severity": 1, "source": "observer/o1"},
            "i1": {
                "kind": "hostility",
                "from": "member/ana",
                "toward": "therapist/dr-7",
                "severity": 2,
                "source": "member/eva",
            },
        },
        tasks={"t1": {"member": "ana", "assigned_session_id": "s0", "outcome": "partial"}},
        goals={"therapist": ["curfew"], "ana": ["autonomy", "curfew"]},
        discussed=[{"rule": "trust-bond-loss", "subject": ["member/ana"]}],
        readiness={"tom": {"value": 3, "source": "therapist/dr-7"}, "ana": {"value": 0, "source": "member/ana"}},
        hope={"ana": {"value": 10, "source": "member/ana"}},
    )
    found = session_of("s1", told, [rating_facts("tom"), rating_facts("eva")], inherited=["dr-7"])
    assert found is not None
    assert (found.session_id, found.held_at, found.held) == ("s1", START, True)
    assert found.therapists == ("dr-7",)
    assert found.attendance == {"ana": Attendance.late, "tom": Attendance.not_invited}
    assert found.indicators_observed
    assert found.indicators == (
        Indicator("hostility", "member/ana", "therapist/dr-7", 2, "member/eva"),
        Indicator("engages", "member/eva", None, 1, "observer/o1"),
    )
    assert found.tasks == (Task("t1", "ana", TaskOutcome.partial),)
    assert found.goals == {"therapist": frozenset({"curfew"}), "ana": frozenset({"autonomy", "curfew"})}
    assert found.discussed == {("trust-bond-loss", ("member/ana",))}
    assert found.readiness == {"ana": Reading(0, "member/ana"), "tom": Reading(3, "therapist/dr-7")}
    assert found.hope == {"ana": Reading(10, "member/ana")}
    assert [rating.rater_id for rating in found.ratings] == ["eva", "tom"]  # by natural key, however they came


@pytest.mark.parametrize("observed", [None, False])
def test_nobody_looked_unless_somebody_says_so(observed: bool | None) -> None:
    found = session_of("s1", session_facts(held_at=START.isoformat(), indicators_observed=observed), [])
    assert found is not None
    assert not found.indicators_observed


@pytest.mark.parametrize(
    ("told", "ratings"),
    [
        (None, []),
        (session_facts(), []),  # no time
        (session_facts(held_at=START.isoformat(), status="scheduled"), []),
        (session_facts(held_at=START.isoformat(), status="cancelled"), [EARLY]),
        (session_facts(held_at=START.isoformat(), status="late-cancelled"), [EARLY]),
    ],
)
def test_what_is_no_part_of_the_course(told: dict[str, Any] | None, ratings: list[Any]) -> None:
    assert session_of("s1", told, ratings) is None


def test_a_session_nobody_came_to_is_part_of_it() -> None:
    found = session_of("s1", session_facts(held_at=START.isoformat(), status="no-show"), [])
    assert found is not None
    assert not found.held


def test_rating_of() -> None:
    facts = rating_facts("ana", answers=srs(9, 8, 7, 6), not_alone=True, locale="nl")
    found = rating_of(facts)
    assert (found.rater_kind, found.rater_id, found.role) == (RaterKind.member, "ana", MemberRole.youth)
    assert (found.about, found.instrument, found.not_alone, found.locale) == ("therapist", "srs", True, "nl")
    assert found.scores == facts.scores
    assert found.natural_key == facts.natural_key[2:]
    assert rating_of(rating_facts(not_alone=None)).not_alone is False
