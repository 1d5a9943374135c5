import pytest

from service.domain.balance import balances
from service.domain.errors import InvalidAnswers
from service.domain.instruments.strain import INSTRUMENT
from service.domain.model import RaterKind
from service.domain.scoring import accept_scores, score_answers
from tests.domain.instruments.sweep import refusal_of
from tests.factories import family, rating, therapy_session


@pytest.mark.parametrize(
    ("strain", "ease", "percent"),
    [  # ease = 5 − strain, percent = ease / 5
        (0, 5, 100),
        (1, 4, 80),
        (2, 3, 60),
        (3, 2, 40),
        (4, 1, 20),
        (5, 0, 0),
    ],
)
def test_golden_ease(strain: float, ease: float, percent: float) -> None:
    scores = score_answers(INSTRUMENT, {"strain": strain})
    assert set(scores) == {"ease"}  # nothing said of settling is no score, not a low one
    assert (scores["ease"].raw, scores["ease"].percent) == pytest.approx((ease, percent))


@pytest.mark.parametrize(("settled", "percent"), [(1, 0), (2, 25), (3, 50), (4, 75), (5, 100)])  # (settled − 1) / 4
def test_golden_settled(settled: float, percent: float) -> None:
    score = score_answers(INSTRUMENT, {"strain": 3, "settled": settled})["settled"]
    assert (score.raw, score.percent) == pytest.approx((settled, percent))


@pytest.mark.parametrize(
    ("answers", "faults"),
    [
        ({"strain": 0, "settled": 5}, [("/answers/settled", "not-asked")]),
        ({"strain": 0, "settled": 0}, [("/answers/settled", "out-of-range")]),
        ({"strain": 6}, [("/answers/strain", "out-of-range")]),
        ({"strain": 1.5}, [("/answers/strain", "not-integer")]),
        ({"strain": 2, "settled": 0}, [("/answers/settled", "out-of-range")]),
        ({}, [("/answers", "missing-items")]),
        ({"strain": 1, "settled": 1}, []),
        ({"settled": 4}, []),  # somebody says that it is settled, so there was strain; how strong is not known
    ],
)
def test_the_second_line_is_asked_after_a_yes(answers: dict[str, float], faults: list[tuple[str, str]]) -> None:
    assert refusal_of(INSTRUMENT, answers) == faults


def test_scores_the_ehr_holds_follow_the_same_line() -> None:
    assert accept_scores(INSTRUMENT, {"ease": 4, "settled": 2})["settled"].percent == 25
    with pytest.raises(InvalidAnswers):
        accept_scores(INSTRUMENT, {"ease": 5, "settled": 2})


def test_member_and_therapist_report_side_by_side() -> None:
    assert INSTRUMENT.rater_kinds == {RaterKind.member, RaterKind.therapist}
    told = [rating(who, instrument="strain", answers={"strain": strain}) for who, strain in (("eva", 0), ("ana", 4))]
    told.append(rating("dr-7", instrument="strain", about="therapist", answers={"strain": 1, "settled": 5}))
    members, therapist = balances(therapy_session(1, *told), family("eva", "ana"), {})
    assert members.dimensions["ease"].weakest.members == ("ana",)
    assert members.dimensions["ease"].gap == pytest.approx(80)  # 100 − 20
    assert (therapist.group.rater_kind, therapist.reason) == (RaterKind.therapist, "fewer-than-two-raters")


def test_no_rule_reads_it() -> None:
    assert INSTRUMENT.watched == ()


def test_is_free_for_everybody_and_says_that_it_is_not_validated() -> None:
    assert not INSTRUMENT.validated
    assert "Not validated" in INSTRUMENT.notes
    assert "Free" in INSTRUMENT.licence
    assert INSTRUMENT.key.verified
