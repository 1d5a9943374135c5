from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.commands import RetractionReason
from service.domain.records import CaseRecord, RatingRecord, RatingState, Records, SessionRecord, blank_session
from tests.factories import NOW, START, blank_records, case_facts, rating_facts, session_facts, srs

LATER = NOW + timedelta(hours=1)
KEY = ("fam-42", "s1")


def record(rating_id: str, rater: str = "ana", state: RatingState = RatingState.live) -> RatingRecord:
    return RatingRecord(
        rating_id=rating_id,
        facts=rating_facts(rater, record_id="rec-1"),
        instrument_version="3.0",
        state=state,
        reason=None,
        revision=1,
        received_at=NOW,
        changed_at=NOW,
    )


def session(**facts: object) -> SessionRecord:
    """Return an announced session."""
    return SessionRecord(
        case_id="fam-42",
        session_id="s1",
        facts=session_facts(**facts),
        inherited=None,
        revision=1,
        created_at=NOW,
        changed_at=NOW,
    )


def treated_by(records: Records, *therapists: str) -> CaseRecord:
    """Return the case with another list of therapists."""
    return replace(records.cases["fam-42"], facts=case_facts(therapists=list(therapists)))


class TestRatingRecord:
    def test_a_revision_moves_the_present_into_the_past(self) -> None:
        first = record("r1")
        second = first.revised(rating_facts(answers=srs(5)), RatingState.live, None, LATER)
        third = second.revised(second.facts, RatingState.retracted, RetractionReason.withdrawn, LATER)
        assert (third.revision, third.state, third.reason, third.live) == (
            3,
            RatingState.retracted,
            RetractionReason.withdrawn,
            False,
        )
        assert third.past == (first.current, second.current)
        assert [(past.revision, past.changed_at) for past in third.past] == [(1, NOW), (2, LATER)]
        assert third.received_at == NOW


class TestRatings:
    def test_are_found_by_natural_key_and_session(self) -> None:
        records = blank_records()
        for one in (record("r1", "tom"), record("r2", "ana"), record("r3", "eva", RatingState.retracted)):
            records.keep_rating(one)
        assert records.by_key[rating_facts("ana").natural_key] == "r2"
        assert [one.rating_id for one in records.of_session(KEY)] == ["r2", "r3", "r1"]  # ana, eva, tom
        assert {facts.rater_id for facts in records.live_facts(KEY)} == {"ana", "tom"}
        assert records.of_session(("fam-42", "s2")) == []

    def test_only_what_changed_is_written(self) -> None:
        records = blank_records()
        records.keep_rating(record("r1"), changed=False)
        records.keep_rating(record("r2", "eva"))
        assert records.changed_ratings == {"r2"}

    def test_live_ones_are_counted_by_member(self) -> None:
        records = blank_records()
        records.raters = {"fam-42": {"ana": 2}}  # as counted before the unit of writing, this one among them
        records.keep_rating(record("r1"), changed=False)
        records.keep_rating(record("r1").revised(rating_facts(), RatingState.live, None, LATER))
        assert records.raters["fam-42"] == {"ana": 2}  # corrected, not one more
        records.keep_rating(record("r1").revised(rating_facts(), RatingState.retracted, None, LATER))
        assert records.raters["fam-42"] == {"ana": 1}
        records.keep_rating(records.ratings["r1"].revised(rating_facts(), RatingState.live, None, LATER))
        assert records.raters["fam-42"] == {"ana": 2}  # restored
        records.keep_rating(record("r2", "eva"))
        records.keep_rating(record("r3", "dr-7"))
        assert records.raters["fam-42"] == {"ana": 2, "eva": 1}  # a therapist is no member

    @pytest.mark.parametrize(
        ("state", "but", "holder"),
        [(RatingState.live, None, "r1"), (RatingState.live, "r1", None), (RatingState.retracted, None, None)],
    )
    def test_who_holds_a_record_id(self, state: RatingState, but: str | None, holder: str | None) -> None:
        records = blank_records()
        records.keep_rating(record("r1", state=state))
        assert records.record_id_holder(rating_facts(session_id="s2", record_id="rec-1"), but) == holder

    def test_no_record_id_is_held_by_nobody(self) -> None:
        records = blank_records()
        records.keep_rating(record("r1").revised(rating_facts(), RatingState.live, None, NOW))
        assert records.record_id_holder(rating_facts(session_id="s2"), None) is None


class TestSessions:
    def test_a_blank_one_knows_nothing(self) -> None:
        blank = blank_session(KEY, NOW)
        assert (blank.facts, blank.inherited, blank.revision) == (None, None, 0)

    def test_time_and_place_in_the_course(self) -> None:
        records = blank_records()
        assert records.held_at(KEY) is None
        assert records.therapy_session(KEY) is None
        records.keep_session(session(held_at=START.isoformat(), therapists=["dr-9"]))
        assert records.held_at(KEY) == START
        known = records.therapy_session(KEY)
        assert known is not None
        assert known.therapists == ("dr-9",)
        assert records.changed_sessions == {KEY}

    def test_as_the_fold_sees_it_follows_what_is_known(self) -> None:
        records = blank_records()
        records.keep_session(session(held_at=START.isoformat()))
        empty = records.therapy_session(KEY)
        assert empty is not None
        assert records.therapy_session(KEY) is empty  # made once while nothing moves
        records.keep_rating(record("r1"))
        rated = records.therapy_session(KEY)
        assert rated is not None
        assert [rating.rater_id for rating in rated.ratings] == ["ana"]
        records.keep_session(session(held_at=START.isoformat(), therapists=["dr-9"]))
        moved = records.therapy_session(KEY)
        assert moved is not None
        assert (moved.therapists, len(moved.ratings)) == (("dr-9",), 1)

    def test_inherit_once_and_only_when_part_of_the_course(self) -> None:
        records = blank_records()
        records.keep_case(treated_by(records, "dr-7"))
        records.keep_session(session(held_at=START.isoformat(), status="scheduled"))
        records.inherit(KEY)
        assert records.sessions[KEY].inherited is None
        records.keep_session(session(held_at=START.isoformat()))
        records.inherit(KEY)
        assert records.sessions[KEY].inherited == ("dr-7",)
        records.keep_case(treated_by(records, "dr-9"))
        records.inherit(KEY)
        assert records.sessions[KEY].inherited == ("dr-7",)

    def test_therapists_are_handed_to_those_without(self) -> None:
        records = blank_records()
        records.keep_session(session(held_at=START.isoformat()))
        records.inherit(KEY)
        records.hand_therapists("fam-42")
        assert records.sessions[KEY].inherited == ()  # the case has none to hand on
        records.keep_case(treated_by(records, "dr-7"))
        records.hand_therapists("fam-42")
        records.keep_case(treated_by(records, "dr-9"))
        records.hand_therapists("fam-42")
        assert records.sessions[KEY].inherited == ("dr-7",)
        assert records.handed == {"fam-42": ("dr-7",)}


class TestCases:
    def test_is_founded_once(self) -> None:
        records = blank_records()
        records.found_case("fam-42", NOW)
        records.changed_cases.clear()
        records.found_case("fam-42", LATER)
        case = records.cases["fam-42"]
        assert (case.revision, case.created_at, case.announced) == (1, NOW, False)
        assert not records.changed_cases
