import pytest

from service.domain.errors import InvalidAnswers
from service.domain.groups import grouped
from service.domain.instruments.wai_sr_t import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import accept_scores
from tests.domain.instruments.sweep import refusal_of
from tests.factories import rating, therapy_session


@pytest.mark.parametrize(
    ("dimension", "mean", "percent"),
    [  # (mean − 1) / 4
        ("bond", 4.25, 81.25),
        ("goals", 3.5, 62.5),
        ("tasks", 2.75, 43.75),
        ("total", 3.5, 62.5),
    ],
)
def test_golden(dimension: str, mean: float, percent: float) -> None:
    scores = accept_scores(INSTRUMENT, {"bond": 4.25, "goals": 3.5, "tasks": 2.75, "total": 3.5})
    assert (scores[dimension].raw, scores[dimension].mean) == (mean, mean)
    assert scores[dimension].percent == pytest.approx(percent)


def test_answers_are_refused_while_nobody_checked_the_key() -> None:
    assert not INSTRUMENT.key.verified
    assert refusal_of(INSTRUMENT, {"1": 4.0}) == [("/answers", "scores-only")]


@pytest.mark.parametrize("mean", [0.9, 5.1, 42])  # 42 would be a sum of twelve answers
def test_only_means_are_in_its_range(mean: float) -> None:
    with pytest.raises(InvalidAnswers):
        accept_scores(INSTRUMENT, {"total": mean})


def test_a_therapist_fills_it_in_and_stays_apart_from_the_client() -> None:
    assert INSTRUMENT.rater_kinds == {RaterKind.therapist}
    theirs = rating("dr-7", 60, instrument="wai_sr_t", about="member/ana")
    session = therapy_session(1, rating("ana", 80, instrument="wai_sr"), theirs)
    assert {(group.instrument_family, group.rater_kind, *units) for group, units in grouped(session).items()} == {
        ("wai_sr", RaterKind.member, "ana"),
        ("wai_sr", RaterKind.therapist, "ana"),
    }
