"""PUT and PATCH of cases and sessions: equal, stale, contradicting, and what they do to the course."""

from copy import deepcopy
from datetime import datetime, timedelta
from typing import Any

import pytest

from service.domain.commands import NoteOverdue, Result
from service.domain.decision import Decision
from service.domain.records import Records
from tests.factories import (
    NOW,
    START,
    blank_records,
    case_facts,
    decide,
    patch_case,
    patch_session,
    post,
    put_case,
    put_session,
    rating_facts,
    retract,
    session_facts,
)

FAMILY = case_facts(members={"eva": "parent", "ana": "youth"}, therapists=["dr-7"])
HELD = session_facts(held_at=START.isoformat())


def faults(decision: Decision) -> list[tuple[str, str]]:
    assert decision.result is Result.refused
    assert decision.refusal is not None
    return [(fault.pointer, fault.code) for fault in decision.refusal.faults]


def code(decision: Decision) -> str:
    assert decision.refusal is not None
    return decision.refusal.code


def therapists(records: Records, session_id: str) -> tuple[str, ...]:
    session = records.therapy_session(("fam-42", session_id))
    assert session is not None
    return session.therapists


class TestPutCase:
    def test_a_new_one_is_created(self) -> None:
        records = blank_records()
        assert decide(records, put_case(FAMILY)).result is Result.created
        case = records.cases["fam-42"]
        assert (case.facts, case.announced, case.revision) == (FAMILY, True, 1)
        assert records.changed_cases == {"fam-42"}

    @pytest.mark.parametrize("if_match", [None, 1, 7])
    def test_equal_is_the_same_even_when_stale(self, if_match: int | None) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY))
        records.changed_cases.clear()
        assert decide(records, put_case(deepcopy(FAMILY), if_match=if_match)).result is Result.same
        assert records.cases["fam-42"].revision == 1
        assert not records.changed_cases

    @pytest.mark.parametrize(("if_match", "result"), [(None, Result.changed), (1, Result.changed), (2, Result.refused)])
    def test_other_facts_need_the_revision_if_they_name_one(self, if_match: int | None, result: Result) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY))
        decision = decide(records, put_case(case_facts(**{**FAMILY, "mandated": True}), if_match=if_match))
        assert decision.result is result
        if result is Result.refused:
            assert code(decision) == "precondition-failed"
            assert decision.refusal is not None
            assert decision.refusal.extra == {"revision": 1}
        else:
            assert records.cases["fam-42"].revision == 2

    def test_a_case_that_does_not_exist_matches_no_revision(self) -> None:
        assert code(decide(blank_records(), put_case(FAMILY, if_match=3))) == "precondition-failed"

    def test_announces_a_case_that_ratings_spoke_of_first(self) -> None:
        records = blank_records()
        decide(records, post())
        assert not records.cases["fam-42"].announced
        assert decide(records, put_case(FAMILY)).result is Result.changed
        assert records.cases["fam-42"].revision == 2

    def test_announces_it_with_the_defaults_too(self) -> None:
        records = blank_records()
        decide(records, post())
        assert decide(records, put_case(case_facts())).result is Result.changed
        assert records.cases["fam-42"].announced

    @pytest.mark.parametrize(
        ("told", "pointer", "fault"),
        [
            ({"members": {"family": "parent"}}, "/members/family", "reserved-id"),
            ({"members": {"therapist": "parent"}}, "/members/therapist", "reserved-id"),
            ({"subsystems": {"parents": ["tom"]}}, "/subsystems/parents/0", "unknown-member"),
            (
                {"periods": [{"from": "2026-03-01", "to": "2026-02-01", "ended_as": None}]},
                "/periods/0/to",
                "before-start",
            ),
            ({"periods": [{"from": "2026-03-01", "to": None, "ended_as": "completed"}]}, "/periods/0/to", "missing"),
        ],
    )
    def test_contradictions(self, told: dict[str, Any], pointer: str, fault: str) -> None:
        records = blank_records()
        before = deepcopy(records)
        decision = decide(records, put_case(case_facts(**told)))
        assert code(decision) == "invalid-facts"
        assert faults(decision) == [(pointer, fault)]
        assert records == before


class TestPatchCase:
    def test_merges_maps_and_removes_with_null(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY))
        patch = {"members": {"tom": {"role": "parent"}, "ana": None}, "program": "trauma"}
        assert decide(records, patch_case(patch)).result is Result.changed
        facts = records.cases["fam-42"].facts
        assert set(facts["members"]) == {"eva", "tom"}
        assert facts["program"] == "trauma"
        assert facts["therapists"] == ["dr-7"]

    def test_a_null_at_the_top_restores_the_default(self) -> None:
        records = blank_records()
        decide(records, put_case({**FAMILY, "membership": "fixed", "program": "trauma"}))
        decide(records, patch_case({"membership": None, "program": None}))
        facts = records.cases["fam-42"].facts
        assert (facts["membership"], facts["program"]) == ("open", None)

    def test_that_changes_nothing_is_the_same(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY))
        assert decide(records, patch_case({"members": {"eva": {"role": "parent"}}})).result is Result.same
        assert decide(records, patch_case({})).result is Result.same

    def test_of_a_case_nobody_spoke_of_is_not_found(self) -> None:
        assert code(decide(blank_records(), patch_case({"mandated": True}))) == "not-found"
        assert code(decide(Records(), patch_case({"mandated": True}))) == "not-found"

    def test_of_a_case_that_ratings_spoke_of_starts_from_the_defaults(self) -> None:
        records = blank_records()
        decide(records, post())
        assert decide(records, patch_case({"members": {"ana": {"role": "youth"}}})).result is Result.changed
        assert records.cases["fam-42"].facts == case_facts(members={"ana": "youth"})

    @pytest.mark.parametrize(
        ("patch", "pointer"),
        [
            ({"members": {"tom": {"active": False}}}, "/members/tom/role"),
            ({"members": {"eva": {"role": None}}}, "/members/eva/role"),
        ],
    )
    def test_a_member_it_leaves_without_a_role_is_refused(self, patch: dict[str, Any], pointer: str) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY))
        assert faults(decide(records, patch_case(patch))) == [(pointer, "missing")]

    def test_a_member_it_removes_from_under_a_subsystem_is_refused(self) -> None:
        records = blank_records()
        decide(records, put_case({**FAMILY, "subsystems": {"women": ["eva", "ana"]}}))
        assert faults(decide(records, patch_case({"members": {"ana": None}}))) == [
            ("/subsystems/women/1", "unknown-member")
        ]


class TestMembersWithRatings:
    """Who has live ratings stays in the family; inactive is the way out."""

    def test_cannot_be_left_out(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY), post(rating_facts("ana")))
        left_out = decide(records, put_case(case_facts(members={"eva": "parent"}, therapists=["dr-7"])))
        assert code(left_out) == "member-has-ratings"
        assert code(decide(records, patch_case({"members": {"ana": None}}))) == "member-has-ratings"
        assert records.cases["fam-42"].facts == FAMILY

    def test_may_become_inactive(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY), post(rating_facts("ana")))
        assert decide(records, patch_case({"members": {"ana": {"active": False}}})).result is Result.changed

    def test_may_be_left_out_once_all_their_ratings_are_retracted(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY), post(rating_facts("ana")), post(rating_facts("ana", session_id="s2")))
        decide(records, retract("r1"))
        assert code(decide(records, patch_case({"members": {"ana": None}}))) == "member-has-ratings"
        decide(records, retract("r2"))
        assert decide(records, patch_case({"members": {"ana": None}})).result is Result.changed

    def test_those_counted_before_the_unit_of_writing_count(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY))
        records.raters = {"fam-42": {"ana": 1}}
        assert code(decide(records, patch_case({"members": {"ana": None}}))) == "member-has-ratings"

    def test_an_open_case_need_not_announce_its_raters(self) -> None:
        records = blank_records()
        decide(records, post(rating_facts("tom")))
        assert decide(records, put_case(FAMILY)).result is Result.changed

    def test_a_fixed_one_must(self) -> None:
        records = blank_records()
        decide(records, post(rating_facts("tom")))
        assert code(decide(records, put_case({**FAMILY, "membership": "fixed"}))) == "member-has-ratings"

    def test_ratings_by_and_about_others_bind_nobody(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY), post(rating_facts("dr-7", about="member/ana")))
        assert decide(records, patch_case({"members": {"ana": None}})).result is Result.changed


class TestPutSession:
    def test_a_new_one_is_created_with_its_case(self) -> None:
        records = blank_records()
        decision = decide(records, put_session(HELD))
        assert (decision.result, decision.case_id, decision.session_id) == (Result.created, "fam-42", "s1")
        assert records.sessions["fam-42", "s1"].revision == 1
        assert (records.cases["fam-42"].revision, records.cases["fam-42"].announced) == (1, False)

    def test_announces_a_session_that_ratings_spoke_of_first(self) -> None:
        records = blank_records()
        decide(records, post())
        assert decide(records, put_session(HELD)).result is Result.changed
        assert records.sessions["fam-42", "s1"].revision == 2

    @pytest.mark.parametrize("if_match", [None, 1, 7])
    def test_equal_is_the_same_even_when_stale(self, if_match: int | None) -> None:
        records = blank_records()
        decide(records, put_session(HELD))
        records.changed_sessions.clear()
        assert decide(records, put_session(deepcopy(HELD), if_match=if_match)).result is Result.same
        assert not records.changed_sessions

    def test_a_stale_change_is_refused(self) -> None:
        records = blank_records()
        decide(records, put_session(HELD))
        stale = put_session({**HELD, "indicators_observed": True}, if_match=2)
        assert code(decide(records, stale)) == "precondition-failed"

    @pytest.mark.parametrize(
        ("status", "ahead", "refused"),
        [
            ("held", timedelta(days=1), False),
            ("held", timedelta(days=1, seconds=1), True),
            ("no-show", timedelta(days=2), True),
            ("scheduled", timedelta(days=30), False),
            ("cancelled", timedelta(days=30), False),
            ("late-cancelled", timedelta(days=30), False),
        ],
    )
    def test_what_was_held_lies_at_most_a_day_ahead(self, status: str, ahead: timedelta, refused: bool) -> None:
        facts = session_facts(held_at=(NOW + ahead).isoformat(), status=status)
        decision = decide(blank_records(), put_session(facts))
        assert (decision.result is Result.refused) is refused
        if refused:
            assert faults(decision) == [("/held_at", "in-the-future")]

    def test_a_rated_session_cannot_be_scheduled_ahead(self) -> None:
        """Its ratings say that it was held."""
        records = blank_records()
        decide(records, post())
        ahead = session_facts(held_at=(NOW + timedelta(days=30)).isoformat(), status="scheduled")
        assert faults(decide(records, put_session(ahead))) == [("/held_at", "in-the-future")]
        decide(records, retract("r1"))
        assert decide(records, put_session(ahead)).result is Result.changed

    def test_indicators_mean_that_somebody_looked(self) -> None:
        seen = {
            "i1": {"kind": "hostility", "from": "member/ana", "toward": None, "severity": 2, "source": "observer/o1"}
        }
        told = session_facts(held_at=START.isoformat(), indicators_observed=False, indicators=seen)
        assert faults(decide(blank_records(), put_session(told))) == [("/indicators_observed", "contradiction")]


class TestPatchSession:
    def test_merges(self) -> None:
        records = blank_records()
        decide(records, put_session({**HELD, "attendance": {"eva": "attended", "ana": "no-show"}}))
        assert decide(records, patch_session({"attendance": {"ana": "excused", "eva": None}})).result is Result.changed
        assert records.sessions["fam-42", "s1"].facts == {**HELD, "attendance": {"ana": "excused"}}

    def test_of_a_session_that_ratings_spoke_of_starts_from_the_defaults(self) -> None:
        records = blank_records()
        decide(records, post())
        decide(records, patch_session({"indicators_observed": True}))
        assert records.sessions["fam-42", "s1"].facts == session_facts(indicators_observed=True)
        assert records.held_at(("fam-42", "s1")) == START  # the rating's, since none was announced

    def test_of_a_session_nobody_spoke_of_is_not_found(self) -> None:
        assert code(decide(blank_records(), patch_session({"status": "held"}))) == "not-found"

    @pytest.mark.parametrize(
        ("patch", "pointers"),
        [
            ({"indicators": {"i1": {"severity": 2}}}, ["kind", "from", "source"]),
            ({"tasks": {"t1": {"outcome": "done"}}}, ["member"]),
        ],
    )
    def test_an_entry_it_leaves_incomplete_is_refused(self, patch: dict[str, Any], pointers: list[str]) -> None:
        records = blank_records()
        decide(records, put_session(HELD))
        name, entry = next((name, next(iter(entries))) for name, entries in patch.items())
        expected = [(f"/{name}/{entry}/{pointer}", "missing") for pointer in pointers]
        assert faults(decide(records, patch_session(patch))) == expected


class TestTherapists:
    """A session without therapists of its own takes the case's as they are when it joins the course."""

    def test_are_taken_from_the_case(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY), post())
        assert therapists(records, "s1") == ("dr-7",)

    def test_its_own_stand(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY), put_session({**HELD, "therapists": ["dr-9"]}))
        assert therapists(records, "s1") == ("dr-9",)

    def test_what_was_held_keeps_the_former_list(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY), post(), patch_case({"therapists": ["dr-9"]}))
        decide(records, post(rating_facts(session_id="s2")), post(rating_facts("eva")))
        assert (therapists(records, "s1"), therapists(records, "s2")) == (("dr-7",), ("dr-9",))

    def test_what_had_none_takes_the_first_list_and_no_second(self) -> None:
        records = blank_records()
        decide(records, post(), put_case(FAMILY))
        assert therapists(records, "s1") == ("dr-7",)
        decide(records, patch_case({"therapists": ["dr-9"]}))
        assert therapists(records, "s1") == ("dr-7",)

    def test_a_scheduled_session_takes_the_list_of_when_it_was_held(self) -> None:
        records = blank_records()
        decide(records, put_case(FAMILY), put_session({**HELD, "status": "scheduled"}))
        decide(records, patch_case({"therapists": ["dr-9"]}), put_session(HELD))
        assert therapists(records, "s1") == ("dr-9",)

    def test_a_refused_list_reaches_nobody(self) -> None:
        records = blank_records()
        decide(records, post())
        refused = decide(records, put_case({**FAMILY, "subsystems": {"parents": ["tom"]}}))
        assert refused.result is Result.refused
        assert therapists(records, "s1") == ()


class TestNoteOverdue:
    AT = START + timedelta(days=9)

    def note(self, records: Records, overdue_at: datetime | None) -> Decision:
        command = NoteOverdue(
            key_id="watchdog", received_at=NOW, case_id="fam-42", session_id="s1", overdue_at=overdue_at
        )
        return decide(records, command)

    def test_it_is_noted_once_and_taken_back_and_nobody_s_revision_moves(self) -> None:
        records = blank_records()
        decide(records, put_session(HELD))
        for overdue_at, result in ((self.AT, "changed"), (self.AT, "same"), (None, "changed")):
            assert self.note(records, overdue_at).result == result
            record = records.sessions["fam-42", "s1"]
            assert (record.overdue_at, record.revision) == (overdue_at, 1)

    def test_it_is_noted_of_a_session_of_the_course_alone(self) -> None:
        records = blank_records()
        assert code(self.note(records, self.AT)) == "not-found"
        decide(records, put_session({**HELD, "status": "scheduled"}))
        assert code(self.note(records, self.AT)) == "not-found"
