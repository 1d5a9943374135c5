"""What judges a session: every setting from its time on, a program's over the organization's over the rule's own."""

from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest
from hypothesis import given as drawing
from hypothesis import settings as limits

from service.db.sealing import seal, unseal_carry
from service.domain.assess import assess, fold
from service.domain.carry import Carry, Given, default_parameters
from service.domain.model import TherapySession
from service.domain.references import OURS
from service.domain.rulebook import EMPTY, History, Mode, Rulebook, layers, mode_in, mode_of
from service.domain.rules import rules
from tests.domain.courses import PEOPLE, courses
from tests.factories import START, course, family, held_at, own_reference, rating, reference_setting, rule_setting

LOSS = "trust-bond-loss"


def limit(given: Given) -> float:
    """Return the one parameter that these tests set."""
    found: float = given.parameters[LOSS].bond_below
    return found


def test_without_a_setting_every_rule_has_its_own() -> None:
    assert EMPTY.history(None, 0) == EMPTY.history("trauma", 0) == History(default_parameters())
    assert EMPTY.given("trauma") is default_parameters()
    assert EMPTY.number == 0


SETTINGS = (
    rule_setting(1, bond_below=60.0, at=held_at(2)),
    rule_setting(2, program="trauma", bond_below=70.0, at=held_at(3)),
    rule_setting(3, bond_below=80.0, at=held_at(4)),
    rule_setting(4, program="trauma", at=held_at(5)),  # leaves it to the organization again
)


@pytest.mark.parametrize(
    ("program", "since", "expected"),
    [
        (None, 0, [85, 60, 60, 80, 80]),
        (None, 1, [60, 60, 60, 80, 80]),
        (None, 2, [60, 60, 60, 80, 80]),
        (None, 4, [80, 80, 80, 80, 80]),
        ("trauma", 0, [85, 60, 70, 70, 80]),
        ("trauma", 2, [70, 70, 70, 70, 80]),
        ("trauma", 4, [80, 80, 80, 80, 80]),
        ("grief", 0, [85, 60, 60, 80, 80]),
    ],
)
def test_a_session_is_judged_by_what_was_set_when_it_was_held(
    program: str | None, since: int, expected: list[float]
) -> None:
    book = Rulebook(SETTINGS)
    history = book.history(program, since)
    assert [limit(history.at(held_at(number))) for number in range(1, 6)] == expected
    assert limit(history.at(None)) == limit(book.given(program)) == expected[-1]
    assert history is book.history(program, since)  # made once


def test_programs_of_which_nothing_was_set_share_one_history() -> None:
    book = Rulebook(SETTINGS)
    assert book.programs == {None, "trauma"}
    assert len({id(book.history(f"program-{number}", 1)) for number in range(9)}) == 1
    assert set(book.histories) == {(None, 1)}


def test_a_setting_holds_from_its_very_time_on() -> None:
    history = Rulebook(SETTINGS).history(None, 0)
    assert limit(history.at(held_at(2) - timedelta(milliseconds=1))) == 85
    assert limit(history.at(held_at(2))) == 60


def test_what_makes_no_difference_to_a_program_has_no_place_in_its_history() -> None:
    assert Rulebook(SETTINGS).history("grief", 0).times == (held_at(2), held_at(4))
    assert Rulebook(SETTINGS).history("grief", 0) == Rulebook(SETTINGS).history(None, 0)
    assert Rulebook((rule_setting(1, bond_below=85.0),)).history(None, 0) == History(default_parameters())


@pytest.mark.parametrize(
    ("organization", "program", "expected"),
    [
        (None, None, Mode.on),
        ("off", None, Mode.off),
        ("off", "on", Mode.on),
        (None, "shadow", Mode.shadow),
        ("shadow", "off", Mode.off),
    ],
)
def test_a_programs_mode_goes_before_the_organizations(
    organization: str | None, program: str | None, expected: Mode
) -> None:
    both = rule_setting(1, mode=organization), rule_setting(2, program="trauma", mode=program)
    given = Rulebook(both).given("trauma")
    assert mode_in(given, LOSS) is mode_of(both) is expected
    assert mode_in(given, "early-low") is Mode.on
    assert mode_in(Rulebook(both).given("grief"), LOSS) is Mode(organization or "on")


def spread(given: Given) -> float:
    return given.references.of(rating("ana"), "total").sd


def test_references_judge_from_their_time_on_beside_the_rules() -> None:
    first, second = (reference_setting(n, own_reference(sd=10.0 + n), at=held_at(n)) for n in (2, 4))
    book = Rulebook(SETTINGS[:1], (first, second, reference_setting(5, at=held_at(5))))
    history = book.history("trauma", 0)
    assert [spread(history.at(held_at(number))) for number in range(1, 6)] == [10, 12, 12, 14, 10]
    assert [limit(history.at(held_at(number))) for number in range(1, 6)] == [85, 60, 60, 60, 60]
    assert [spread(book.history(None, 2).at(held_at(number))) for number in range(1, 6)] == [12, 12, 12, 14, 10]
    assert (book.number, book.references) == (5, OURS)  # set to nothing again
    assert book.references_of("srs")[:2] == [first, second]
    assert book.references_of("wai_sr") == []


def test_a_carry_is_named_by_the_references_it_was_folded_with() -> None:
    told = [Rulebook((), (reference_setting(1, *own),)).given(None).name for own in ((), (own_reference(),))]
    other = Rulebook((), (reference_setting(1, own_reference(sd=13)),)).given(None).name
    assert told[0] == default_parameters().name
    assert len({*told, other}) == 3


def test_a_wider_reference_is_harder_to_fall_out_of() -> None:
    """Three times 90, then a bond of 50: with an sp of 7 that is z = −5.7, with one of 20 only −2."""
    wide = reference_setting(1, *(own_reference(code, sd=40, sp=20) for code in ("total", "bond", "goals", "tasks")))
    assert openings(Rulebook((), (wide,)).history(None, 1)) == []
    assert openings(Rulebook((), (replace(wide, at=held_at(5)),)).history(None, 0)) == [1]


def test_layers_are_the_organizations_and_then_the_programs() -> None:
    current = {setting.target: setting for setting in SETTINGS[:2]}
    assert layers(current, LOSS, "trauma") == list(SETTINGS[:2])
    assert layers(current, LOSS, "grief") == layers(current, LOSS, None) == [SETTINGS[0]]
    assert layers(current, "early-low", "trauma") == []


def test_versions_are_those_of_one_rule_in_one_place() -> None:
    book = Rulebook(SETTINGS)
    assert [setting.number for setting in book.versions((LOSS, None))] == [1, 3]
    assert [setting.number for setting in book.versions((LOSS, "trauma"))] == [2, 4]
    assert book.versions(("early-low", None)) == []
    assert book.number == 4


def test_a_setting_of_a_rule_that_is_gone_judges_nothing() -> None:
    gone = replace(rule_setting(1, bond_below=50), rule="no-such-rule")
    assert Rulebook((gone,)).given(None) == default_parameters()


def test_the_name_of_a_history_changes_with_every_change_until_then_and_with_no_later_one() -> None:
    few, more = Rulebook(SETTINGS[:1]).history(None, 0), Rulebook(SETTINGS).history(None, 0)
    assert more.name_at(held_at(3)) == few.name_at(held_at(3)) == few.name_at(None)
    assert few.name_at(held_at(1)) == default_parameters().name_at(None)
    names = {more.name_at(held_at(number)) for number in range(1, 6)}
    assert len(names) == 3  # own, from the second on, from the fourth on
    assert Rulebook(SETTINGS).history(None, 1).name_at(None) not in names


FALLS = course(ana=[90, 90, 90, 50, 90, 90, 50])  # a bond lost, recovered, and lost again


def openings(history: History | None) -> list[int]:
    """Return how often the bond counts as lost: once more after it recovered is the same concern opened again."""
    return [item.openings for item in assess(FALLS, family(), history) if item.rule == LOSS]


def test_new_limits_are_for_later_sessions_alone() -> None:
    blind = Rulebook((rule_setting(1, bond_below=10.0, at=held_at(5)),))  # no bond is that low
    assert openings(None) == [2]
    assert openings(blind.history(None, 0)) == [1]
    assert openings(blind.history(None, 1)) == []


@drawing(sessions=courses(most=10))
@limits(deadline=None, max_examples=40)
def test_a_fold_with_carries_is_the_fold_from_scratch_whatever_was_set(
    sessions: list[TherapySession],
) -> None:
    times = [START + timedelta(days=7 * week) for week in (2, 4, 6)]
    told = zip(times, (10.0, 100.0, 70.0), (None, "trauma", None), ("shadow", "off", "on"), strict=True)
    history = Rulebook(
        tuple(
            rule_setting(number, program=program, mode=mode, at=at, bond_below=limit)
            for number, (at, limit, program, mode) in enumerate(told, 1)
        ),
        (
            reference_setting(4, own_reference(sd=7, sp=3), own_reference("bond", "youth", sd=9), at=times[2]),
            reference_setting(5, own_reference(sd=30, sp=12, reliability=0.9), at=START + timedelta(days=56)),
        ),
    ).history("trauma", 0)
    ordered = sorted(sessions, key=lambda session: session.position)
    carry, found = Carry(), {}
    for session in ordered:
        steps, concerns = fold(carry, [session], family(*PEOPLE), history)
        carry = unseal_carry(seal(steps[-1].carry))
        found.update(concerns)
    assert {item.identity: item for item in assess(ordered, family(*PEOPLE), history)} == found


def test_the_order_of_arrival_does_not_matter() -> None:
    history = Rulebook(SETTINGS).history(None, 0)
    whole = assess(FALLS, family(), history)
    for others in permutations(FALLS[:4]):
        assert assess([*FALLS[4:], *others], family(), history) == whole


def test_every_rule_is_given_something() -> None:
    assert set(Rulebook(SETTINGS).given("trauma").parameters) == set(rules())
