from collections import Counter
from dataclasses import replace

import pytest

from service.domain.concern import Concern, Reason, Signal, State, opened
from service.domain.difference import Change, Difference, Move, added_up, counts, differences, member_sessions
from service.domain.model import SessionStatus, Severity
from tests.factories import held_at, rating, therapy_session

ANA, EVA = ("member/ana",), ("member/eva",)


def concern(
    *numbers: int,
    rule: str = "sudden-drop",
    subject: tuple[str, ...] = ANA,
    severity: Severity = Severity.warning,
    state: State = State.open,
    reason: Reason | None = None,
) -> Concern:
    """Return a concern that opened in the first of these sessions and rests on all of them."""
    first = opened(Signal(subject, severity, {"z": -2.6}), rule, 1, therapy_session(numbers[0]), numbers[0])
    sessions = tuple(f"s{number}" for number in numbers)
    return replace(first, sessions=sessions, number=numbers[-1], state=state, reason=reason)


MOVED = [
    ("the same", concern(3, 4), ()),
    ("only what was seen", replace(concern(3, 4), signal=Signal(ANA, Severity.warning, {"z": -9.0})), ()),
    ("another version of the rule", replace(concern(3, 4), rule_version=2), ()),
    ("a longer run", concern(3, 4, 5), ()),
    ("earlier", concern(2, 3), (Move.opened_earlier,)),
    ("later", concern(4, 5), (Move.opened_later,)),
    ("graver", concern(3, severity=Severity.critical), (Move.more_severe,)),
    ("milder", concern(3, severity=Severity.info), (Move.less_severe,)),
    ("recovered", concern(3, state=State.recovered), (Move.ended_otherwise,)),
    ("for another reason", concern(3, reason=Reason.settled), (Move.ended_otherwise,)),
    (
        "all at once",
        concern(2, 3, severity=Severity.info, state=State.closed, reason=Reason.settled),
        (Move.opened_earlier, Move.less_severe, Move.ended_otherwise),
    ),
]


@pytest.mark.parametrize(("after", "moves"), [case[1:] for case in MOVED], ids=[case[0] for case in MOVED])
def test_what_moves(after: Concern, moves: tuple[Move, ...]) -> None:
    before = concern(3, 4)
    found = differences([before], [after])
    assert found == ([Difference(before, after, moves)] if moves else [])
    assert [item.change for item in found] == [Change.moved] * bool(moves)


APART = [
    ("another session", concern(5, 6)),
    ("another subject", concern(3, 4, subject=EVA)),
    ("another rule", concern(3, 4, rule="out-of-limits")),
]


@pytest.mark.parametrize("after", [case[1] for case in APART], ids=[case[0] for case in APART])
def test_what_is_not_the_same_appears_and_vanishes(after: Concern) -> None:
    before = concern(3, 4)
    found = differences([before], [after])
    assert {item.change: (item.before, item.after) for item in found} == {
        Change.appeared: (None, after),
        Change.vanished: (before, None),
    }
    assert {(item.rule, item.subject) for item in found} == {
        (before.rule, before.subject),
        (after.rule, after.subject),
    }


def test_of_a_split_the_earlier_part_is_the_same() -> None:
    whole, first, second = concern(3, 4, 7, 8), concern(3, 4), concern(7, 8)
    assert differences([whole], [second, first]) == [Difference(None, second)]
    assert differences([second, first], [whole]) == [Difference(second, None)]


def test_the_order_in_which_concerns_are_given_does_not_matter() -> None:
    before = [concern(3), concern(6, subject=EVA), concern(2, rule="early-low")]
    after = [concern(2, 3), concern(9), concern(6, subject=EVA, severity=Severity.info)]
    found = differences(before, after)
    assert found == differences(before[::-1], after[::-1])
    assert [item.change for item in found] == [Change.vanished, Change.moved, Change.appeared, Change.moved]


def test_a_difference_of_nothing_is_none() -> None:
    with pytest.raises(ValueError, match="about a concern"):
        _ = Difference(None, None).rule


def test_counts_by_rule() -> None:
    before = [concern(3), concern(9), concern(2, rule="early-low")]
    after = [concern(2, 3), concern(12, subject=EVA)]
    assert counts(before, after, differences(before, after)) == {
        "sudden-drop": Counter(before=2, after=2, appeared=1, vanished=1, moved=1, **{"opened-earlier": 1}),
        "early-low": Counter(before=1, vanished=1),
    }


def test_counts_add_up() -> None:
    many = [{"sudden-drop": {"before": 1}}, {"early-low": {"after": 2}}, {"sudden-drop": {"before": 2, "after": 1}}]
    total = added_up(many)
    assert total == {"early-low": Counter(after=2), "sudden-drop": Counter(before=3, after=1)}
    assert list(total) == ["early-low", "sudden-drop"]


def test_a_member_counts_once_a_held_session() -> None:
    held = therapy_session(1, rating("eva"), rating("eva", instrument="wai_sr"), rating("ana"), rating("dr-7"))
    missed = therapy_session(2, rating("eva"), status=SessionStatus.no_show)
    assert member_sessions([held, missed, therapy_session(3), therapy_session(4, rating("eva"))]) == 3


def test_a_difference_is_told_in_plain_words() -> None:
    before, after = concern(3, 4), concern(2, 3, state=State.closed, reason=Reason.settled)
    (moved,) = differences([before], [after])
    assert moved.told("fam-42", {before.identity: "a-1"}) == {
        "case_id": "fam-42",
        "rule": "sudden-drop",
        "subject": ["member/ana"],
        "change": "moved",
        "moves": ["opened-earlier", "ended-otherwise"],
        "alert_id": "a-1",
        "before": {
            "rule_version": 1,
            "severity": "warning",
            "state": "open",
            "state_reason": None,
            "opened_session_id": "s3",
            "opened_held_at": held_at(3).isoformat(),
        },
        "after": {
            "rule_version": 1,
            "severity": "warning",
            "state": "closed",
            "state_reason": "settled",
            "opened_session_id": "s2",
            "opened_held_at": held_at(2).isoformat(),
        },
    }
    (appeared,) = differences([], [after])
    told = appeared.told("fam-42", {after.identity: "of another"})
    assert (told["change"], told["before"], told["alert_id"]) == ("appeared", None, None)
