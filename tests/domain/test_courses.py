"""Four invented courses, session by session: what a supervisor would want to hear there, and what not.

A family with a youth who uses substances, a couple drifting apart, a client after trauma who marks everything perfect,
and a couple who quarrels in the way that is usual for them.
"""

from collections.abc import Mapping, Sequence

import pytest

from service.domain.assess import Step, fold
from service.domain.carry import Carry, default_parameters
from service.domain.concern import Concern, State
from service.domain.model import Attendance, Family, Indicator, Member, MemberRole, Severity, TherapySession
from tests.factories import couple, family, indicator, rating, srs, therapy_session

Totals = Sequence[float | None]
OPEN, RECOVERING, RECOVERED, CLOSED = State.open, State.recovering, State.recovered, State.closed


def marks(total: float, **told: float) -> dict[str, float]:
    """Return four marks in tenths that add up to a total of 40, those told as told, the others as even as can be."""
    rest = [line for line in ("relationship", "goals", "approach", "overall") if line not in told]
    share, over = divmod(round(10 * (total - sum(told.values()))), len(rest))
    even = {line: (share + (place < over)) / 10 for place, line in enumerate(rest)}
    four = {**even, **told}
    return srs(four["relationship"], four["goals"], four["approach"], four["overall"])


def test_marks_add_up() -> None:
    assert marks(36.3) == srs(9.1, 9.1, 9.1, 9.0)
    assert marks(22.7, relationship=4.2) == srs(4.2, 6.2, 6.2, 6.1)


class Walk:
    """A course walked session by session."""

    def __init__(self, sessions: Sequence[TherapySession], known: Family) -> None:
        self.steps: list[Step] = fold(Carry(), sessions, known, default_parameters())[0]

    def fired(self, number: int) -> dict[str, list[tuple[str, ...]]]:
        """Return whom which rule speaks about in a session."""
        signals = self.steps[number - 1].signals
        return {code: [signal.subject for signal in found] for code, found in signals.items() if found}

    def states(self, rule: str, *subject: str) -> list[State | None]:
        """Return the state of the latest concern of a rule about a subject after each session."""
        found = []
        for step in self.steps:
            mine = [item for item in step.concerns if (item.rule, item.subject) == (rule, subject)]
            found.append(mine[-1].state if mine else None)
        return found

    def concerns(self, number: int | None = None) -> dict[tuple[str, tuple[str, ...], str], Concern]:
        """Return every concern met up to a session as it last stood."""
        return {item.identity: item for step in self.steps[:number] for item in step.concerns}

    def about(self, subject: str, number: int | None = None) -> set[tuple[str, Severity]]:
        return {(item.rule, item.severity) for item in self.concerns(number).values() if subject in item.subject}


# 1. The therapist is seen to side with the parents at session 6; the youth stays away at session 7. -----------------

MOTHER: Totals = (36.3, 36.9, 37.3, 37.5, 37.7, 38.7, 37.7, 37.5, 37.9, 38.2)
FATHER: Totals = (34.6, None, 34.8, None, 35.6, 36.0, None, 35.6, None, 36.2)
YOUTH: Totals = (25.0, 25.9, 27.4, 28.9, 29.6, 22.7, None, 26.6, 28.9, 29.8)
CHILD: Totals = (39.2, 40, 40, None, 40, None, None, None, None, 40)
THERAPIST: Totals = (31, 32, 33, 34, 34.5, 33, 30, 32, 33.5, 34.5)
LINES: Mapping[tuple[str, int], float] = {("ana", 5): 7.4, ("ana", 6): 4.2}  # her line about the relationship

SIDING = indicator("side-taking", "dr-7", "eva", 2, source="o1")


def substance(*seen_at_six: Indicator) -> Walk:
    given = {"eva": MOTHER, "tom": FATHER, "ana": YOUTH, "kim": CHILD, "dr-7": THERAPIST}
    sessions = []
    for number in range(1, 11):
        ratings = [
            rating(
                who,
                instrument="csrs" if who == "kim" else "srs",
                answers=marks(total, **({"relationship": LINES[who, number]} if (who, number) in LINES else {})),
            )
            for who, totals in given.items()
            if (total := totals[number - 1]) is not None
        ]
        absent = {"tom": Attendance.not_invited} if FATHER[number - 1] is None else {}
        away = {"ana": Attendance.no_show} if number == 7 else {}
        seen = seen_at_six if number == 6 else ()
        sessions.append(therapy_session(number, *ratings, attendance={**absent, **away}, indicators=seen))
    return Walk(sessions, family("eva", "tom", "ana", "kim"))


@pytest.fixture(scope="module")
def youth() -> Walk:
    return substance()


def test_the_youth_s_low_start_is_noted_at_once_and_never_critical_early(youth: Walk) -> None:
    assert "absolute-low" in youth.fired(1)
    assert all(item.severity is not Severity.critical for item in youth.concerns(5).values())
    non_info = {(item.rule, item.subject) for item in youth.concerns(5).values() if item.severity is not Severity.info}
    assert non_info == {("early-low", ("member/ana",))}


def test_session_six_speaks_of_her_bond_and_its_asymmetry_and_of_no_drop_beside(youth: Walk) -> None:
    fired = youth.fired(6)
    assert fired["trust-bond-loss"] == fired["bond-asymmetry"] == [("member/ana",)]
    assert youth.states("sudden-drop", "member/ana") == [None] * 10  # one story: the specific one tells it
    (loss,) = (item for item in youth.concerns(6).values() if item.rule == "trust-bond-loss")
    assert loss.severity.rank >= Severity.warning.rank
    assert not any(item.rule == "side-taking" for item in youth.concerns().values())  # nobody reported any


def test_a_report_of_side_taking_beside_the_asymmetry_is_critical() -> None:
    (siding,) = (item for item in substance(SIDING).concerns().values() if item.rule == "side-taking")
    assert (siding.subject, siding.severity) == (("member/eva",), Severity.critical)


def test_staying_away_after_the_fall_is_a_strong_sign(youth: Walk) -> None:
    assert youth.fired(7)["attendance"] == youth.fired(7)["trust-bond-loss"] == [("member/ana",)]
    (away,) = (item for item in youth.concerns().values() if item.rule == "attendance")
    assert (away.severity, away.opened_session_id) == (Severity.critical, "s7")


def test_with_what_stands_already_it_is_a_strong_sign_of_leaving(youth: Walk) -> None:
    (risk,) = (item for item in youth.concerns(7).values() if item.rule == "dropout-risk")
    assert (risk.subject, risk.severity, risk.opened_session_id) == (("member/ana",), Severity.critical, "s7")
    seen = {"points": 7, "attendance": 2, "no_show_after": 3, "early_low": 1, "split": 1}
    assert risk.signal.values == seen  # she has been low from the start, and is the low one of the split
    assert youth.states("dropout-risk", "member/ana")[6:] == [OPEN, OPEN, OPEN, RECOVERING]
    assert "dropout-risk" not in {rule for rule, _ in youth.about("member/tom")}


def test_nothing_recovers_before_session_nine(youth: Walk) -> None:
    for rule in ("trust-bond-loss", "bond-asymmetry", "attendance"):
        states = youth.states(rule, "member/ana")
        assert RECOVERED not in states[:8], rule
        assert states[-1] is RECOVERED, rule
    assert youth.states("trust-bond-loss", "member/ana")[5:] == [OPEN, OPEN, OPEN, RECOVERING, RECOVERED]


def test_the_father_s_planned_absences_and_the_child_s_forty_are_no_signs(youth: Walk) -> None:
    assert youth.about("member/tom") == {("absolute-low", Severity.info)}  # 34.6 and 34.8 of 40 at the start
    assert youth.about("member/kim") == set()


def test_what_rose_is_no_longer_called_low_and_not_rising(youth: Walk) -> None:
    assert youth.states("early-low", "member/ana")[1:4] == [OPEN, RECOVERING, RECOVERED]  # 25.0 25.9 27.4 28.9


def test_the_split_of_the_sixth_session_is_news(youth: Walk) -> None:
    assert not any(item.flapping for item in youth.concerns(6).values())


def test_no_split_stands_from_the_start_to_the_end(youth: Walk) -> None:
    states = youth.states("split-alliance", "family")
    assert states[4] is RECOVERED  # she was rising
    assert states[-1] is RECOVERED
    assert [item.openings for item in youth.concerns().values() if item.rule == "split-alliance"] == [2]


def test_the_gap_of_a_session_without_the_low_member_says_nothing(youth: Walk) -> None:
    states = youth.states("split-alliance", "family")
    assert states[5:7] == [OPEN, OPEN]
    assert "split-alliance" not in youth.fired(7)


# 2. A couple drifts apart. -------------------------------------------------------------------------------------------

HERS = (36.0, 36.5, 37.0, 37.5, 37.9, 38.1, 38.3, 38.4)
HIS = (35.0, 34.2, 33.4, 32.3, 31.0, 29.7, 28.4, 27.3)
HIS_GOALS = (8.7, 8.5, 8.3, 8.0, 7.7, 7.4, 7.0, 6.7)
SEEN_BY_THE_THERAPIST = (33.0, 33.3, 33.6, 33.9, 34.2, 34.5, 34.8, 35.0)


@pytest.fixture(scope="module")
def drifting() -> Walk:
    sessions = [
        therapy_session(
            number,
            rating("eva", answers=marks(hers)),
            rating("tom", answers=marks(his, goals=goals)),
            rating("dr-7", answers=marks(theirs)),
        )
        for number, (hers, his, goals, theirs) in enumerate(
            zip(HERS, HIS, HIS_GOALS, SEEN_BY_THE_THERAPIST, strict=True), start=1
        )
    ]
    return Walk(sessions, couple())


def test_one_alert_says_that_they_widen_by_session_five_or_six(drifting: Walk) -> None:
    (split,) = (item for item in drifting.concerns().values() if item.rule == "split-alliance")
    assert split.opened_session_id in ("s5", "s6")
    opening = drifting.steps[split.opened_number - 1].signals["split-alliance"][0]
    assert (opening.route, opening.severity) == ("widening", Severity.warning)
    assert split.state is OPEN


def test_his_goals_are_spoken_of(drifting: Walk) -> None:
    assert ("goal-misalignment", Severity.info) in drifting.about("member/tom", number=7)
    assert drifting.states("goal-misalignment", "member/tom")[-1] is OPEN


def test_the_therapist_who_rates_as_usual_may_not_have_noticed_his_goals(drifting: Walk) -> None:
    (goals,) = (item for item in drifting.concerns().values() if item.rule == "goal-misalignment")
    assert (goals.severity, goals.signal.severity) == (Severity.warning, Severity.info)
    assert goals.raised is not None
    assert goals.raised.by == "therapist-unaware"


def test_no_side_taking_from_numbers_alone_and_no_five_alerts_for_one_story(drifting: Walk) -> None:
    found = drifting.concerns().values()
    assert {item.rule for item in found} == {"absolute-low", "split-alliance", "goal-misalignment"}
    assert len(found) == 3
    for number, loud in ((7, {"split-alliance"}), (8, {"split-alliance", "goal-misalignment"})):
        told = drifting.concerns(number).values()
        assert {item.rule for item in told if item.severity is not Severity.info} == loud
    assert drifting.about("member/eva") == set()


# 3. A client after trauma marks forty, until one day a little less. --------------------------------------------------

FORTY = (40, 40, 40, 40, 39.9, 40, 36.4, 36.2, 36.3, 36.5, 36.2, 36.5)


@pytest.fixture(scope="module")
def perfect() -> Walk:
    known = Family(members={"ana": Member(MemberRole.client)}, modality="individual", program="trauma")
    sessions = [
        therapy_session(number, rating("ana", answers=marks(total), role=MemberRole.client))
        for number, total in enumerate(FORTY, start=1)
    ]
    return Walk(sessions, known)


def test_nothing_at_a_tenth_below_forty(perfect: Walk) -> None:
    assert perfect.concerns(6) == {}


def test_the_first_mark_below_perfect_is_one_note_that_ends(perfect: Walk) -> None:
    (note,) = perfect.concerns().values()
    assert (note.severity, note.opened_session_id, note.active) == (Severity.info, "s7", False)
    assert note.signal.route == "below-full"  # which says: welcome it
    assert all(perfect.fired(number) == {} for number in range(8, 13))


# 4. A couple quarrels: clear hostility both ways in every session from the first. ------------------------------------


def quarrel(number: int, total: float = 37.0, severity: int = 2, safety: float | None = None) -> TherapySession:
    seen = (indicator("hostility", "eva", "tom", severity), indicator("hostility", "tom", "eva", 2))
    felt = () if safety is None else (rating("tom", 80, instrument="softa_s", dimensions={"safety": safety}),)
    both = (rating(who, answers=marks(total), role=MemberRole.partner) for who in ("eva", "tom"))
    return therapy_session(number, *both, *felt, indicators=seen)


def hostility(walk: Walk) -> dict[tuple[str, ...], Concern]:
    return {item.subject: item for item in walk.concerns().values() if item.rule == "hostility-to-member"}


EVA_TO_TOM, TOM_TO_EVA = ("member/eva", "member/tom"), ("member/tom", "member/eva")


def test_the_first_note_and_then_quiet() -> None:
    walk = Walk([quarrel(number) for number in range(1, 9)], couple())
    assert "hostility-to-member" in walk.fired(1)
    assert all("hostility-to-member" not in walk.fired(number) for number in range(2, 9))
    assert walk.states("hostility-to-member", *EVA_TO_TOM)[:3] == [OPEN, RECOVERING, RECOVERED]
    assert {item.severity for item in walk.concerns().values()} <= {Severity.info, Severity.warning}
    assert len(hostility(walk)) == 2


def test_what_exceeds_their_own_level_is_told() -> None:
    walk = Walk([*(quarrel(number) for number in range(1, 5)), quarrel(5, severity=3)], couple())
    assert walk.fired(5)["hostility-to-member"] == [EVA_TO_TOM]
    assert hostility(walk)[EVA_TO_TOM].severity is Severity.critical
    assert hostility(walk)[TOM_TO_EVA].severity is Severity.warning


def test_a_falling_safety_is_told() -> None:
    # their quarrel is usual from session 3 on, so from session 6 on his safety has three scores to be held against
    walk = Walk([*(quarrel(number, safety=80) for number in range(1, 6)), quarrel(6, safety=60)], couple())
    assert walk.fired(6)["hostility-to-member"] == [EVA_TO_TOM]
    assert hostility(walk)[EVA_TO_TOM].severity is Severity.critical
