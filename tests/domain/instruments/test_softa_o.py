import pytest

from service.domain.errors import InvalidAnswers
from service.domain.instruments.softa_o import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import accept_scores, score_answers
from tests.domain.instruments.sweep import key_of


def test_key() -> None:
    assert key_of(INSTRUMENT) == {name: name for name in ("engagement", "connection", "safety", "purpose")}


@pytest.mark.parametrize(
    ("dimension", "mark", "percent"),
    [  # (mark + 3) / 6
        ("engagement", 2, 83.333),
        ("connection", -1, 33.333),
        ("safety", 0, 50.0),
        ("purpose", -3, 0.0),
    ],
)
def test_golden(dimension: str, mark: float, percent: float) -> None:
    sheet = {"engagement": 2.0, "connection": -1.0, "safety": 0.0, "purpose": -3.0}
    score = score_answers(INSTRUMENT, sheet)[dimension]
    assert (score.raw, score.percent) == pytest.approx((mark, percent), abs=5e-4)


def test_a_member_is_marked_without_the_purpose_of_the_family() -> None:
    scores = score_answers(INSTRUMENT, {"engagement": 2, "connection": -1, "safety": 0})
    assert set(scores) == {"engagement", "connection", "safety"}
    assert not any(score.prorated for score in scores.values())


def test_there_is_no_total() -> None:
    assert INSTRUMENT.primary is None
    assert "total" not in INSTRUMENT.dimensions


def test_the_consensus_of_three_observers_may_lie_between_marks() -> None:
    # Of -1, 1 and 2 the two closest are averaged (SOFTA manual): 1.5, (1.5 + 3) / 6 = 75 percent.
    assert accept_scores(INSTRUMENT, {"safety": 1.5})["safety"].percent == pytest.approx(75)


@pytest.mark.parametrize("mark", [-4, 3.5, 4])
def test_marks_outside_the_sheet_are_refused(mark: float) -> None:
    with pytest.raises(InvalidAnswers):
        score_answers(INSTRUMENT, {"safety": mark})


def test_raters_and_low_mark() -> None:
    assert INSTRUMENT.rater_kinds == {RaterKind.observer}
    assert INSTRUMENT.signed
    for code, unit in INSTRUMENT.dimensions.items():
        assert unit.low_mark == pytest.approx(INSTRUMENT.percent_of_mean(code, -1))
