import doctest
from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import scoring
from service.domain.errors import InvalidAnswers
from service.domain.instruments import Dimension, Fact, Instrument, Reference, instruments
from service.domain.model import RaterKind, Score
from service.domain.scoring import accept_scores, allowed_missing, score_answers
from tests.factories import srs

SRS, WAI_SR, SOFTA_O = instruments()["srs"], instruments()["wai_sr"], instruments()["softa_o"]


def faults_of(instrument: Instrument, answers: dict[str, float]) -> list[tuple[str, str]]:
    with pytest.raises(InvalidAnswers) as caught:
        score_answers(instrument, answers)
    return [(fault.pointer, fault.code) for fault in caught.value.faults]


def test_docstrings_tell_the_truth() -> None:
    found = doctest.testmod(scoring)
    assert found.attempted > 0
    assert found.failed == 0


@pytest.mark.parametrize(
    ("items", "missing"),
    [(1, 0), (3, 0), (4, 0), (5, 1), (9, 1), (10, 2), (12, 2), (16, 3), (19, 3), (24, 4), (36, 7)],
)
def test_a_fifth_may_be_missing(items: int, missing: int) -> None:
    assert allowed_missing(items) == missing


@pytest.mark.parametrize(
    ("instrument", "item", "answer", "code"),
    [
        (SRS, "goals", -0.1, "out-of-range"),
        (SRS, "goals", 10.1, "out-of-range"),
        (SRS, "goals", nan, "out-of-range"),
        (SRS, "goals", inf, "out-of-range"),
        (SRS, "goals", -inf, "out-of-range"),
        (SRS, "goals", 1e308, "out-of-range"),
        (SRS, "goals", 0.05, "too-fine"),
        (SRS, "goals", 8.75, "too-fine"),
        (SRS, "goals", 8.8000001, "too-fine"),
        (SRS, "bond", 8.0, "unknown-item"),
        (WAI_SR, "1", 0, "out-of-range"),
        (WAI_SR, "1", 6, "out-of-range"),
        (WAI_SR, "1", 2.5, "not-integer"),
        (WAI_SR, "1", 2.1, "not-integer"),
        (WAI_SR, "13", 3, "unknown-item"),
        (WAI_SR, "01", 3, "unknown-item"),
        (SOFTA_O, "safety", -4, "out-of-range"),
        (SOFTA_O, "safety", 0.5, "not-integer"),
    ],
)
def test_bad_answers(instrument: Instrument, item: str, answer: float, code: str) -> None:
    assert faults_of(instrument, {item: answer}) == [(f"/answers/{item}", code)]


@pytest.mark.parametrize("tenths", range(101))
def test_every_tenth_of_a_line_is_a_mark(tenths: int) -> None:
    score = score_answers(SRS, srs(tenths / 10))["total"]
    assert score.raw == pytest.approx(4 * tenths / 10)
    assert score.percent == pytest.approx(tenths)


def test_sums_of_tenths_are_marks_too() -> None:
    assert score_answers(SRS, {"goals": 0.1 + 0.2})["goals"].raw == pytest.approx(0.3)  # 0.30000000000000004


def test_every_fault_is_told_and_no_value() -> None:
    bad: dict[str, float] = {"goals": 99.5, "approach": 0.05, "mood": 3.3}
    with pytest.raises(InvalidAnswers) as caught:
        score_answers(SRS, bad)
    assert {fault.code for fault in caught.value.faults} == {"out-of-range", "too-fine", "unknown-item"}
    told = str(caught.value) + "".join(fault.detail for fault in caught.value.faults)
    assert not any(value in told for value in ("99.5", "0.05", "3.3"))


@pytest.mark.parametrize(("instrument", "answers"), [(SRS, {}), (WAI_SR, {"1": 3.0}), (SOFTA_O, {})])
def test_too_few_answers_for_any_score(instrument: Instrument, answers: dict[str, float]) -> None:
    assert faults_of(instrument, answers) == [("/answers", "missing-items")]


def test_a_missing_answer_is_no_zero() -> None:
    with_zero = score_answers(SRS, srs(8, 8, 8, 0))
    without = score_answers(SRS, {"relationship": 8, "goals": 8, "approach": 8})
    assert with_zero["total"].raw == 24
    assert "total" not in without


def form(sizes: dict[str, int], prorates: bool = True, reversed_items: frozenset[str] = frozenset()) -> Instrument:
    """Return a 1-5 form with subscales of some sizes and their total."""
    own = Fact("this test", verified=True)
    reference = Reference(sd=17, sp=7, fact=own)
    items = {name: tuple(f"{name}{place}" for place in range(size)) for name, size in sizes.items()}
    every = tuple(item for unit in items.values() for item in unit)
    return Instrument(
        code="form",
        name="Form",
        version="1",
        family="form",
        authors="nobody",
        items=every,
        minimum=1,
        maximum=5,
        step=1,
        dimensions={
            "total": Dimension(every, reference, 50),
            **{name: Dimension(unit, reference, 50, raw="mean") for name, unit in items.items()},
        },
        rater_kinds=frozenset(RaterKind),
        key=own,
        licence="free",
        reversed_items=reversed_items,
        prorates=prorates,
    )


# Seven 5s of eight in `a`, 4 and 2 in `b`: 41 over nine answers of ten.
NINE_OF_TEN = {**{f"a{place}": 5.0 for place in range(7)}, "b0": 4.0, "b1": 2.0}


def test_prorating_is_the_mean_of_the_answered_items() -> None:
    scores = score_answers(form({"a": 8, "b": 2}), NINE_OF_TEN)
    assert scores["total"].raw == pytest.approx(41 / 9 * 10)
    assert (scores["total"].answered, scores["total"].items, scores["total"].prorated) == (9, 10, True)
    assert scores["a"].raw == pytest.approx(5.0)  # a mean stays a mean


def test_a_form_that_does_not_prorate_needs_every_answer() -> None:
    assert set(score_answers(form({"a": 8, "b": 2}, prorates=False), NINE_OF_TEN)) == {"b"}


def test_a_total_falls_with_a_subscale_of_which_nothing_is_answered() -> None:
    answers = {f"a{place}": 3.0 for place in range(9)}
    assert set(score_answers(form({"a": 9, "b": 1}), answers)) == {"a"}  # 9 of 10 alone would be enough


def test_reversal_comes_before_prorating() -> None:
    turned = form({"a": 5}, reversed_items=frozenset({"a0"}))
    scores = score_answers(turned, {"a0": 1, "a1": 2, "a2": 2, "a3": 2})
    assert scores["a"].mean == pytest.approx((5 + 2 + 2 + 2) / 4)


def staged() -> Instrument:
    """Return a form of 0 to 5 whose second line, of 1 to 5, is asked unless the first is at its best."""
    known = form({"first": 1, "second": 1})
    first, second = known.dimensions["first"], known.dimensions["second"]
    units = {"first": first, "second": replace(second, lowest=1, follows="first")}
    return replace(known, minimum=0, dimensions=units)


def test_a_dimension_may_have_a_lowest_answer_of_its_own() -> None:
    scores = score_answers(staged(), {"first0": 1, "second0": 2})
    assert (scores["first"].percent, scores["second"].percent) == (20, 25)  # 1 of 0..5; 2 of 1..5
    assert accept_scores(staged(), {"first": 1, "second": 2}) == scores
    assert faults_of(staged(), {"first0": 0, "second0": 0}) == [("/answers/second0", "out-of-range")]
    with pytest.raises(InvalidAnswers):
        accept_scores(staged(), {"second": 0.9})


def test_it_turns_within_its_own_range() -> None:
    turned = replace(staged(), reversed_items=frozenset({"first0", "second0"}))
    scores = score_answers(turned, {"first0": 5, "second0": 5})
    assert (scores["first"].raw, scores["second"].raw) == (0, 1)


@pytest.mark.parametrize(("first", "asked"), [(5, False), (4, True), (0, True), (None, True)])
def test_a_second_line_is_not_asked_when_the_first_is_at_its_best(first: float | None, asked: bool) -> None:
    before = {} if first is None else {"first": float(first)}
    answers = {f"{name}0": value for name, value in before.items()} | {"second0": 3.0}
    for function, sent, pointer in (
        (score_answers, answers, "/answers/second0"),
        (accept_scores, {**before, "second": 3.0}, "/scores/second"),
    ):
        if asked:
            assert function(staged(), sent)["second"].percent == 50  # 3 of 1..5
        else:
            with pytest.raises(InvalidAnswers) as caught:
                function(staged(), sent)
            assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(pointer, "not-asked")]


def test_a_form_without_a_known_key_takes_scores_only() -> None:
    blind = form({})
    blind = replace(blind, dimensions={"total": replace(blind.dimensions["total"], raw="mean")})
    for answers in ({}, {"1": 3.0}):
        assert faults_of(blind, answers) == [("/answers", "scores-only")]
    assert accept_scores(blind, {"total": 3.5})["total"] == Score(3.5, 3.5, 62.5, answered=0, items=0)


@pytest.mark.parametrize(
    ("scores", "pointer", "code"),
    [
        ({}, "/scores", "no-score"),
        ({"alliance": 30.0}, "/scores/alliance", "unknown-dimension"),
        ({"total": 40.1}, "/scores/total", "out-of-range"),
        ({"total": -0.1}, "/scores/total", "out-of-range"),
        ({"bond": 11.0}, "/scores/bond", "out-of-range"),
        ({"total": nan}, "/scores/total", "out-of-range"),
        ({"total": inf}, "/scores/total", "out-of-range"),
    ],
)
def test_bad_scores(scores: dict[str, float], pointer: str, code: str) -> None:
    with pytest.raises(InvalidAnswers) as caught:
        accept_scores(SRS, scores)
    assert [(fault.pointer, fault.code) for fault in caught.value.faults] == [(pointer, code)]


def test_scores_the_ehr_holds() -> None:
    scores = accept_scores(SRS, {"total": 33.0, "bond": 8.97})  # a score may be finer than a mark
    assert scores["total"] == Score(33.0, 8.25, 82.5, answered=4, items=4, flags=("below-cutoff",))
    assert scores["bond"].percent == pytest.approx(89.7)
    assert set(scores) == {"total", "bond"}


def test_answers_and_their_own_sum_give_the_same_score() -> None:
    answered = score_answers(WAI_SR, {str(item): 3.0 + item % 2 for item in range(1, 13)})
    given = accept_scores(WAI_SR, {dimension: score.raw for dimension, score in answered.items()})
    assert given == answered


def _every_item_is_asked(instrument: Instrument) -> bool:
    return not instrument.scores_only and all(unit.follows is None for unit in instrument.dimensions.values())


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_percent_stays_within_its_range_and_mirrors(data: st.DataObject) -> None:
    """Every score lies in 0..100, and turning every answer round turns every percentage round."""
    instrument = data.draw(st.sampled_from([form for form in instruments().values() if _every_item_is_asked(form)]))
    low, high = round(instrument.minimum / instrument.step), round(instrument.maximum / instrument.step)
    marks = st.integers(low, high).map(lambda mark: mark * instrument.step)
    answers = {item: data.draw(marks) for item in instrument.items}
    turned = {item: instrument.minimum + instrument.maximum - answer for item, answer in answers.items()}
    scores, others = score_answers(instrument, answers), score_answers(instrument, turned)
    assert set(scores) == set(instrument.dimensions)
    for dimension, score in scores.items():
        assert 0 <= score.percent <= 100
        assert score.percent + others[dimension].percent == pytest.approx(100)
