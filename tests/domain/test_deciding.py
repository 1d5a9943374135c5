"""Every line of the table of retry and correction, on records as the unit of writing holds them."""

from copy import deepcopy
from datetime import timedelta, timezone

import pytest

from service.domain.commands import AnyCommand, PostRating, PutRating, RatingFacts, Result, RetractionReason
from service.domain.deciding import differing_facts
from service.domain.decision import Decision
from service.domain.model import MemberRole, Phase
from service.domain.records import RatingState, Records
from tests.factories import (
    NOW,
    START,
    blank_records,
    case_facts,
    decide,
    post,
    put,
    put_case,
    put_session,
    rating_facts,
    retract,
    session_facts,
    srs,
)

LATER = NOW + timedelta(hours=1)
NINE, EIGHT, SEVEN = rating_facts(answers=srs(9)), rating_facts(answers=srs(8)), rating_facts(answers=srs(7))
IN_A_WEEK = NOW + timedelta(days=7)


def versioned(mark: float, version: int | None) -> PostRating:
    return post(rating_facts(answers=srs(mark), record_id="rec-1", record_version=version), at=LATER)


def codes(decision: Decision) -> list[tuple[str, str]]:
    assert decision.refusal is not None
    return [(fault.pointer, fault.code) for fault in decision.refusal.faults]


def refusal(decision: Decision) -> str:
    assert decision.result is Result.refused
    assert decision.refusal is not None
    return decision.refusal.code


def state(records: Records) -> tuple[int, RatingState, object]:
    """Return revision, state and answers of the first rating."""
    record = records.ratings["r1"]
    return record.revision, record.state, record.facts.answers


class TestPost:
    def test_a_new_rating_is_created(self) -> None:
        records = blank_records()
        decision = decide(records, post(NINE))
        assert (decision.result, decision.rating_id) == (Result.created, "r1")
        assert (decision.case_id, decision.session_id) == ("fam-42", "s1")
        assert state(records) == (1, RatingState.live, srs(9))
        assert records.cases["fam-42"].revision == 1
        assert records.sessions["fam-42", "s1"].facts is None
        assert records.changed_ratings == {"r1"}
        assert records.changed_sessions == {("fam-42", "s1")}
        assert records.changed_cases == {"fam-42"}

    def test_equal_to_the_current_revision(self) -> None:
        records = blank_records()
        decide(records, post(NINE))
        records.changed_ratings.clear()
        assert decide(records, post(NINE, at=LATER)).result is Result.same
        assert state(records) == (1, RatingState.live, srs(9))
        assert not records.changed_ratings

    def test_equal_to_any_earlier_revision_changes_nothing(self) -> None:
        records = blank_records()
        decide(records, post(NINE), put("r1", EIGHT, 1), put("r1", SEVEN, 2))
        assert decide(records, post(NINE)).result is Result.same
        assert decide(records, post(EIGHT)).result is Result.same
        assert state(records) == (3, RatingState.live, srs(7))

    def test_equal_after_restoring_what_was_retracted(self) -> None:
        records = blank_records()
        decide(records, post(NINE), retract("r1"), put("r1", EIGHT, 2))
        assert decide(records, post(NINE)).result is Result.same

    def test_other_facts_are_refused(self) -> None:
        records = blank_records()
        decide(records, post(NINE))
        decision = decide(records, post(rating_facts(answers=srs(9, 8, 9, 7))))
        assert refusal(decision) == "rating-differs"
        assert decision.refusal is not None
        assert decision.refusal.extra == {"rating_id": "r1", "revision": 1}
        assert codes(decision) == [("/answers/goals", "differs"), ("/answers/overall", "differs")]
        assert state(records) == (1, RatingState.live, srs(9))

    @pytest.mark.parametrize("facts", [NINE, EIGHT, rating_facts(answers=srs(9), record_version=None)])
    def test_the_key_of_a_retracted_rating_is_refused(self, facts: RatingFacts) -> None:
        records = blank_records()
        decide(records, post(NINE), retract("r1"))
        decision = decide(records, post(facts))
        assert refusal(decision) == "rating-retracted"
        assert decision.refusal is not None
        assert decision.refusal.extra == {"rating_id": "r1", "revision": 2}
        assert state(records) == (2, RatingState.retracted, srs(9))

    def test_sixteen_equal_ones_make_one_rating(self) -> None:
        records = blank_records()
        results = [decide(records, post(NINE)).result for _ in range(16)]
        assert results == [Result.created] + [Result.same] * 15
        assert len(records.ratings) == 1

    @pytest.mark.parametrize(
        "other",
        [
            rating_facts("eva"),
            rating_facts(session_id="s2"),
            rating_facts(about="family"),
            rating_facts(phase=Phase.pre),
            rating_facts(instrument="csrs"),
            rating_facts("dr-7", about="therapist/dr-7"),
        ],
    )
    def test_another_natural_key_is_another_rating(self, other: RatingFacts) -> None:
        records = blank_records()
        decide(records, post(NINE))
        assert decide(records, post(other)).result is Result.created
        assert len(records.ratings) == 2


class TestDifferingFacts:
    SENT = rating_facts(record_id="rec-1", answered_at=START)

    @pytest.mark.parametrize(
        ("other", "pointers"),
        [
            (rating_facts(record_id="rec-1", answered_at=START), ()),
            (rating_facts(record_id="rec-2", answered_at=START), ("/record_id",)),
            (rating_facts(answered_at=START), ("/record_id",)),
            (rating_facts(record_id="rec-1"), ("/answered_at",)),
            (rating_facts(record_id="rec-1", answered_at=START, not_alone=True), ("/not_alone",)),
            (rating_facts(record_id="rec-1", answered_at=START, locale="nl"), ("/locale",)),
            (rating_facts(record_id="rec-1", answered_at=START, rater_role=MemberRole.child), ("/rater/role",)),
            (rating_facts(record_id="rec-1", answered_at=START, record_version=7), ()),
            (rating_facts(record_id="rec-1", answered_at=START, held_at=START + timedelta(hours=1)), ("/held_at",)),
            (rating_facts(record_id="rec-1", answered_at=START, answers=srs(9, 9, 9, 8)), ("/answers/overall",)),
            (
                rating_facts(
                    record_id="rec-1", answered_at=START, answers={"relationship": 9.0, "goals": 9.0, "approach": 9.0}
                ),
                ("/answers/overall",),
            ),
            (rating_facts(record_id="rec-1", answered_at=START, given={"total": 36.0}), ("/answers", "/scores")),
        ],
    )
    def test_pointers(self, other: RatingFacts, pointers: tuple[str, ...]) -> None:
        assert differing_facts(other, self.SENT) == pointers

    def test_scores_are_compared_one_by_one(self) -> None:
        stored = rating_facts(given={"total": 36.0, "bond": 9.0})
        assert differing_facts(rating_facts(given={"total": 36.0, "bond": 8.0}), stored) == ("/scores/bond",)

    def test_a_time_left_out_is_equal(self) -> None:
        assert differing_facts(rating_facts(held_at=None), rating_facts(held_at=START)) == ()

    def test_a_time_of_another_zone_is_equal(self) -> None:
        berlin = START.astimezone(timezone(timedelta(hours=1)))
        assert differing_facts(rating_facts(held_at=berlin), rating_facts(held_at=START)) == ()

    def test_whole_numbers_and_floats_are_equal(self) -> None:
        assert differing_facts(rating_facts(answers=srs(9)), rating_facts(answers=srs(9.0))) == ()


class TestRecordVersion:
    """Judged before anything else."""

    @pytest.mark.parametrize(
        ("stored", "sent", "mark", "result", "revision", "version"),
        [
            (3, 4, 8, Result.changed, 2, 4),  # higher: a correction
            (3, 4, 9, Result.same, 1, 4),  # higher and equal: the version is noted, no revision
            (3, 2, 8, Result.stale, 1, 3),  # lower: nothing changes
            (3, 2, 9, Result.stale, 1, 3),
            (3, 3, 9, Result.same, 1, 3),
            (3, None, 9, Result.same, 1, 3),
            (None, 5, 9, Result.same, 1, 5),
        ],
    )
    def test_posted_again(
        self, stored: int | None, sent: int | None, mark: float, result: Result, revision: int, version: int
    ) -> None:
        records = blank_records()
        decide(records, versioned(9, stored))
        assert decide(records, versioned(mark, sent)).result is result
        record = records.ratings["r1"]
        assert (record.revision, record.facts.record_version) == (revision, version)
        assert record.facts.answers == (srs(8) if result is Result.changed else srs(9))

    @pytest.mark.parametrize(("stored", "sent"), [(3, 3), (3, None), (None, 5), (None, None)])
    def test_other_facts_of_no_higher_version_are_refused(self, stored: int | None, sent: int | None) -> None:
        records = blank_records()
        decide(records, versioned(9, stored))
        assert refusal(decide(records, versioned(8, sent))) == "rating-differs"
        assert records.ratings["r1"].facts.record_version == stored

    def test_a_higher_version_with_the_facts_of_an_earlier_revision_is_a_correction(self) -> None:
        records = blank_records()
        decide(records, versioned(9, 1), versioned(8, 2))
        assert decide(records, versioned(9, 3)).result is Result.changed
        assert state(records) == (3, RatingState.live, srs(9))

    def test_versions_out_of_order_end_at_the_highest(self) -> None:
        records = blank_records()
        results = [decide(records, versioned(mark, version)).result for mark, version in ((9, 1), (7, 3), (8, 2))]
        assert results == [Result.created, Result.changed, Result.stale]
        assert state(records) == (2, RatingState.live, srs(7))

    def test_a_version_noted_is_written(self) -> None:
        records = blank_records()
        decide(records, versioned(9, 1))
        records.changed_ratings.clear()
        decide(records, versioned(9, 2))
        assert records.changed_ratings == {"r1"}

    def test_a_correction_keeps_what_it_leaves_out(self) -> None:
        records = blank_records()
        decide(records, versioned(9, 1))
        sent = rating_facts(answers=srs(8), record_id="rec-1", record_version=2, held_at=None)
        assert decide(records, post(sent)).result is Result.changed
        assert records.ratings["r1"].facts.held_at == START

    @pytest.mark.parametrize(("sent", "result"), [(2, Result.refused), (0, Result.stale)])
    def test_on_a_retracted_rating(self, sent: int, result: Result) -> None:
        records = blank_records()
        decide(records, versioned(9, 1), retract("r1"))
        assert decide(records, versioned(8, sent)).result is result
        assert not records.ratings["r1"].live


class TestPut:
    def test_corrects_with_the_current_revision(self) -> None:
        records = blank_records()
        decide(records, post(NINE))
        decision = decide(records, put("r1", EIGHT, if_match=1, at=LATER))
        assert (decision.result, decision.rating_id) == (Result.changed, "r1")
        record = records.ratings["r1"]
        assert (record.revision, record.facts.answers, record.changed_at) == (2, srs(8), LATER)
        assert [(past.revision, past.facts.answers, past.changed_at) for past in record.past] == [(1, srs(9), NOW)]

    @pytest.mark.parametrize("if_match", [0, 2, 99])
    def test_a_stale_one_is_refused(self, if_match: int) -> None:
        records = blank_records()
        decide(records, post(NINE))
        decision = decide(records, put("r1", EIGHT, if_match))
        assert refusal(decision) == "precondition-failed"
        assert decision.refusal is not None
        assert decision.refusal.extra == {"revision": 1}
        assert state(records) == (1, RatingState.live, srs(9))

    @pytest.mark.parametrize("if_match", [0, 1, 2])
    def test_equal_to_the_current_state_is_the_same_even_when_stale(self, if_match: int) -> None:
        records = blank_records()
        decide(records, post(NINE), put("r1", EIGHT, 1))
        assert decide(records, put("r1", EIGHT, if_match)).result is Result.same
        assert state(records) == (2, RatingState.live, srs(8))

    def test_equal_to_an_earlier_revision_is_a_correction(self) -> None:
        records = blank_records()
        decide(records, post(NINE), put("r1", EIGHT, 1))
        assert refusal(decide(records, put("r1", NINE, 1))) == "precondition-failed"
        assert decide(records, put("r1", NINE, 2)).result is Result.changed
        assert state(records) == (3, RatingState.live, srs(9))

    def test_restores_a_retracted_rating(self) -> None:
        records = blank_records()
        decide(records, post(NINE), retract("r1"))
        assert refusal(decide(records, put("r1", NINE, 1))) == "precondition-failed"
        assert decide(records, put("r1", NINE, 2)).result is Result.changed
        assert state(records) == (3, RatingState.live, srs(9))
        assert records.ratings["r1"].reason is None

    @pytest.mark.parametrize(
        ("facts", "pointer"),
        [
            (rating_facts(case_id="fam-43"), "/case_id"),
            (rating_facts(session_id="s2"), "/session_id"),
            (rating_facts("eva"), "/rater/id"),
            (rating_facts(about="family"), "/about"),
            (rating_facts(instrument="csrs"), "/instrument"),
            (rating_facts(phase=Phase.pre), "/phase"),
        ],
    )
    def test_its_natural_key_is_immutable(self, facts: RatingFacts, pointer: str) -> None:
        records = blank_records()
        decide(records, post(NINE))
        decision = decide(records, put("r1", facts, 1))
        assert refusal(decision) == "immutable"
        assert codes(decision) == [(pointer, "immutable")]

    def test_the_kind_of_rater_is_part_of_it(self) -> None:
        records = blank_records()
        decide(records, post(rating_facts("dr-7", about="family")))
        moved = rating_facts("dr-7", about="family", rater_kind=rating_facts("o1").rater_kind, instrument="srs")
        assert codes(decide(records, put("r1", moved, 1))) == [("/rater/role", "immutable")]

    def test_a_member_s_role_may_be_corrected(self) -> None:
        records = blank_records()
        decide(records, post(NINE))
        assert decide(records, put("r1", rating_facts(rater_role=MemberRole.child), 1)).result is Result.changed

    def test_of_nothing_is_not_found(self) -> None:
        assert refusal(decide(blank_records(), put("r9", NINE, 1))) == "not-found"

    def test_a_time_left_out_stays(self) -> None:
        records = blank_records()
        decide(records, post(NINE))
        assert decide(records, put("r1", rating_facts(answers=srs(8), held_at=None), 1)).result is Result.changed
        assert records.ratings["r1"].facts.held_at == START


class TestRetract:
    def test_history_stays(self) -> None:
        records = blank_records()
        decide(records, post(NINE))
        assert decide(records, retract("r1", RetractionReason.wrong_member)).result is Result.changed
        record = records.ratings["r1"]
        assert (record.state, record.reason, record.revision) == (
            RatingState.retracted,
            RetractionReason.wrong_member,
            2,
        )
        assert record.past[0].state is RatingState.live
        assert records.live_facts(("fam-42", "s1")) == []

    def test_again_is_the_same(self) -> None:
        records = blank_records()
        decide(records, post(NINE), retract("r1", RetractionReason.withdrawn))
        again = decide(records, retract("r1", RetractionReason.entered_in_error, if_match=1))
        assert again.result is Result.same
        assert records.ratings["r1"].reason is RetractionReason.withdrawn
        assert records.ratings["r1"].revision == 2

    @pytest.mark.parametrize(("if_match", "result"), [(None, Result.changed), (1, Result.changed), (2, Result.refused)])
    def test_if_match_is_optional(self, if_match: int | None, result: Result) -> None:
        records = blank_records()
        decide(records, post(NINE))
        assert decide(records, retract("r1", if_match=if_match)).result is result

    def test_of_nothing_is_not_found(self) -> None:
        assert refusal(decide(blank_records(), retract("r9"))) == "not-found"


class TestRecordId:
    """Unique among the live ratings of one rater in one case."""

    FIRST = rating_facts(record_id="rec-1")

    @pytest.mark.parametrize(
        ("other", "result"),
        [
            (rating_facts(session_id="s2", record_id="rec-1"), Result.refused),
            (rating_facts(instrument="csrs", record_id="rec-1"), Result.refused),
            (rating_facts(session_id="s2", record_id="rec-2"), Result.created),
            (rating_facts(session_id="s2"), Result.created),
            (rating_facts("eva", record_id="rec-1"), Result.created),
        ],
    )
    def test_used_by_another(self, other: RatingFacts, result: Result) -> None:
        records = blank_records()
        decide(records, post(self.FIRST))
        decision = decide(records, post(other))
        assert decision.result is result
        if result is Result.refused:
            assert refusal(decision) == "record-id-used"
            assert decision.refusal is not None
            assert decision.refusal.extra == {"rating_id": "r1"}

    def test_another_case_has_its_own(self) -> None:
        records = blank_records("fam-42", "fam-43")
        decide(records, post(self.FIRST))
        assert decide(records, post(rating_facts(case_id="fam-43", record_id="rec-1"))).result is Result.created

    def test_of_a_retracted_rating_is_free_until_that_is_restored(self) -> None:
        records = blank_records()
        decide(records, post(self.FIRST), retract("r1"))
        assert decide(records, post(rating_facts(session_id="s2", record_id="rec-1"))).result is Result.created
        restored = decide(records, put("r1", self.FIRST, 2))
        assert refusal(restored) == "record-id-used"
        assert not records.ratings["r1"].live

    @pytest.mark.parametrize("by_version", [True, False])
    def test_a_correction_may_not_take_it(self, by_version: bool) -> None:
        records = blank_records()
        decide(records, post(self.FIRST), post(rating_facts(session_id="s2", record_version=1)))
        taken = rating_facts(session_id="s2", record_id="rec-1", record_version=2)
        correction: PostRating | PutRating = post(taken) if by_version else put("r2", taken, 1)
        assert refusal(decide(records, correction)) == "record-id-used"
        assert records.ratings["r2"].facts.record_id is None

    def test_its_own_is_no_hindrance(self) -> None:
        records = blank_records()
        decide(records, post(self.FIRST))
        assert decide(records, put("r1", rating_facts(answers=srs(5), record_id="rec-1"), 1)).result is Result.changed


class TestTime:
    @pytest.mark.parametrize(
        ("ahead", "result"),
        [(timedelta(days=1), Result.created), (timedelta(days=1, seconds=1), Result.refused)],
    )
    def test_a_rating_lies_at_most_a_day_ahead(self, ahead: timedelta, result: Result) -> None:
        decision = decide(blank_records(), post(rating_facts(held_at=NOW + ahead)))
        assert decision.result is result
        if result is Result.refused:
            assert codes(decision) == [("/held_at", "in-the-future")]

    def test_nor_after_a_correction(self) -> None:
        records = blank_records()
        decide(records, post(NINE))
        assert refusal(decide(records, put("r1", rating_facts(held_at=IN_A_WEEK), 1))) == "in-the-future"

    def test_a_time_may_be_left_out_when_the_session_s_was_announced(self) -> None:
        records = blank_records()
        untimed = post(rating_facts(held_at=None))
        missing = decide(records, untimed)
        assert codes(missing) == [("/held_at", "held-at-missing")]
        decide(records, put_session())
        assert decide(records, untimed).result is Result.created
        assert records.held_at(("fam-42", "s1")) == START

    def test_another_rating_s_time_is_no_announcement(self) -> None:
        records = blank_records()
        decide(records, post(NINE))
        assert refusal(decide(records, post(rating_facts("eva", held_at=None)))) == "held-at-missing"

    @pytest.mark.parametrize(("status", "result"), [("scheduled", Result.refused), ("cancelled", Result.created)])
    def test_a_session_that_lies_ahead_cannot_be_rated_unless_it_was_cancelled(
        self, status: str, result: Result
    ) -> None:
        records = blank_records()
        decide(records, put_session(session_facts(held_at=IN_A_WEEK.isoformat(), status=status)))
        assert decide(records, post(rating_facts(held_at=None))).result is result


class TestMembership:
    FIXED = put_case(case_facts(membership="fixed", members={"eva": "parent", "ana": "youth"}))

    @pytest.mark.parametrize(
        ("facts", "pointer"),
        [
            (rating_facts("tom"), "/rater/id"),
            (rating_facts("dr-7", about="member/tom"), "/about"),
            (rating_facts("o1", about="member/tom"), "/about"),
        ],
    )
    def test_a_fixed_case_knows_its_members(self, facts: RatingFacts, pointer: str) -> None:
        records = blank_records()
        decide(records, self.FIXED)
        before = deepcopy(records)
        decision = decide(records, post(facts))
        assert refusal(decision) == "unknown-member"
        assert codes(decision) == [(pointer, "unknown-member")]
        assert records == before

    @pytest.mark.parametrize(
        "facts", [rating_facts("ana"), rating_facts("dr-7"), rating_facts("dr-7", about="member/eva")]
    )
    def test_its_own_members_and_therapists_may_rate(self, facts: RatingFacts) -> None:
        records = blank_records()
        decide(records, self.FIXED)
        assert decide(records, post(facts)).result is Result.created

    def test_an_open_case_grows_by_its_raters(self) -> None:
        records = blank_records()
        decide(records, put_case(case_facts(members={"eva": "parent"})))
        assert decide(records, post(rating_facts("tom"))).result is Result.created

    @pytest.mark.parametrize("name", ["therapist", "family"])
    def test_reserved_names_are_refused(self, name: str) -> None:
        assert codes(decide(blank_records(), post(rating_facts(name)))) == [("/rater/id", "reserved-id")]


class TestWarnings:
    """A difference between a rating and its case or session is told and refuses nothing."""

    @pytest.mark.parametrize(
        ("announced", "warned"),
        [
            (session_facts(held_at=START.isoformat()), []),
            (session_facts(held_at=START.replace(hour=17).isoformat()), [("held-at-differs", "/held_at")]),
            (session_facts(held_at="2026-01-05T17:00:00+01:00"), []),  # the same moment elsewhere
            (session_facts(held_at=None), []),
            (session_facts(held_at=START.isoformat(), status="scheduled"), []),
            (session_facts(held_at=START.isoformat(), status="cancelled"), [("session-not-held", "/session_id")]),
            (session_facts(held_at=START.isoformat(), status="late-cancelled"), [("session-not-held", "/session_id")]),
        ],
    )
    def test_against_the_session(self, announced: dict[str, object], warned: list[tuple[str, str]]) -> None:
        records = blank_records()
        decide(records, put_session(announced))
        decision = decide(records, post(NINE))
        assert decision.result is Result.created
        assert [(item.code, item.pointer) for item in decision.warnings] == warned

    def test_against_another_rating_there_is_none(self) -> None:
        records = blank_records()
        decide(records, post(NINE))
        other = decide(records, post(rating_facts("eva", held_at=START + timedelta(hours=1))))
        assert other.warnings == ()

    @pytest.mark.parametrize(("role", "warned"), [("youth", []), ("child", ["role-differs"])])
    def test_against_the_announced_role(self, role: str, warned: list[str]) -> None:
        records = blank_records()
        decide(records, put_case(case_facts(members={"ana": role})))
        assert [item.code for item in decide(records, post(NINE)).warnings] == warned

    @pytest.mark.parametrize(
        ("band", "instrument", "warned"),
        [
            ("6-12", "srs", ["age-differs"]),
            ("under-6", "srs", ["age-differs"]),
            ("13-17", "srs", []),
            ("18-and-over", "srs", []),
            (None, "srs", []),
            ("6-12", "csrs", []),
            ("13-17", "csrs", ["age-differs"]),
            ("under-6", "gsrs", []),  # whose ages nobody published
        ],
    )
    def test_a_form_for_another_age(self, band: str | None, instrument: str, warned: list[str]) -> None:
        records = blank_records()
        decide(records, put_case(case_facts(members={"ana": {"role": "youth", "age_band": band}})))
        decision = decide(records, post(rating_facts(instrument=instrument)))
        assert decision.result is Result.created
        assert [(item.code, item.pointer) for item in decision.warnings] == [(code, "/instrument") for code in warned]

    def test_a_therapist_has_no_age_here(self) -> None:
        records = blank_records()
        decide(records, put_case(case_facts(members={"dr-7": {"role": "other", "age_band": "6-12"}})))
        assert decide(records, post(rating_facts("dr-7"))).warnings == ()

    def test_a_repeated_post_and_a_correction_warn_too(self) -> None:
        records = blank_records()
        decide(records, put_case(case_facts(members={"ana": "child"})), post(NINE))
        assert [item.code for item in decide(records, post(NINE)).warnings] == ["role-differs"]
        assert [item.code for item in decide(records, put("r1", EIGHT, 1)).warnings] == ["role-differs"]


class TestCourse:
    """What ratings do to their session's place in the course."""

    def test_a_rating_in_a_scheduled_session_makes_it_held(self) -> None:
        records = blank_records()
        decide(records, put_session(session_facts(held_at=START.isoformat(), status="scheduled")))
        assert records.therapy_session(("fam-42", "s1")) is None
        decide(records, post(NINE))
        session = records.therapy_session(("fam-42", "s1"))
        assert session is not None
        assert session.held

    def test_a_cancelled_session_is_outside(self) -> None:
        records = blank_records()
        decide(records, put_session(session_facts(held_at=START.isoformat(), status="cancelled")), post(NINE))
        assert records.therapy_session(("fam-42", "s1")) is None
        assert records.ratings["r1"].live

    def test_a_session_takes_its_earliest_time_unless_one_was_announced(self) -> None:
        records = blank_records()
        early = START - timedelta(hours=2)
        decide(records, post(NINE), post(rating_facts("eva", held_at=early)))
        assert records.held_at(("fam-42", "s1")) == early
        decide(records, retract("r2"))
        assert records.held_at(("fam-42", "s1")) == START
        announced = START + timedelta(hours=3)
        decide(records, put_session(session_facts(held_at=announced.isoformat())))
        assert records.held_at(("fam-42", "s1")) == announced

    def test_a_session_left_without_live_ratings_is_outside(self) -> None:
        records = blank_records()
        decide(records, post(NINE), retract("r1"))
        assert records.therapy_session(("fam-42", "s1")) is None


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (post(rating_facts(answers=srs(1))), "rating-differs"),
        (post(rating_facts(session_id="s2", held_at=IN_A_WEEK)), "in-the-future"),
        (post(rating_facts(session_id="s2", held_at=None)), "held-at-missing"),
        (put("r1", EIGHT, 7), "precondition-failed"),
        (put("r1", rating_facts("eva"), 1), "immutable"),
        (retract("r1", if_match=7), "precondition-failed"),
    ],
)
def test_a_refusal_leaves_the_records_as_they_were(command: AnyCommand, code: str) -> None:
    records = blank_records()
    decide(records, post(NINE))
    before = deepcopy(records)
    assert refusal(decide(records, command)) == code
    assert records == before
