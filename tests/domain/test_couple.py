import pytest

from service.domain.balance import balances
from service.domain.couple import Couple
from service.domain.model import Family, Rating
from tests.factories import couple, family, rating, therapy_session


def partner(
    who: str, own: float | None, other: float | None, about: str = "therapist", code: str = "ctas_sf"
) -> Rating:
    """Return what a partner says of the own alliance and of the other's, in percent."""
    return rating(who, 70, instrument=code, about=about, dimensions={"self": own, "other": other})


def couple_in(*ratings: Rating, of: Family | None = None) -> Couple | None:
    (found,) = balances(therapy_session(1, *ratings), of or couple(), {})
    return found.couple


def test_golden_case() -> None:
    """Eva says 75 of herself and 70 of Tom, Tom 50 of himself and 80 of Eva."""
    found = couple_in(partner("eva", 75, 70), partner("tom", 50, 80))
    assert found is not None
    assert (found.of, found.minus) == ("eva", "tom")
    assert found.value == pytest.approx(25)  # 75 − 50
    assert found.perceived == pytest.approx({"eva": 5, "tom": -30})  # 75 − 70, 50 − 80
    assert found.accuracy == pytest.approx({"eva": 20, "tom": 5})  # 70 − 50, 80 − 75


def test_the_order_of_partners_does_not_matter() -> None:
    eva, tom = partner("eva", 75, 70), partner("tom", 50, 80)
    assert couple_in(eva, tom) == couple_in(tom, eva)


def test_two_who_know_each_other_are_exact() -> None:
    found = couple_in(partner("eva", 60, 40), partner("tom", 40, 60))
    assert found is not None
    assert found.accuracy == pytest.approx({"eva": 0, "tom": 0})
    assert found.perceived == pytest.approx({"eva": 20, "tom": -20})  # each sees the discrepancy of 20 as it is


@pytest.mark.parametrize(
    "ratings",
    [
        [partner("eva", 75, 70)],
        [partner("eva", 75, 70), partner("tom", None, 80)],
        [partner("eva", 75, 70), partner("tom", 50, None)],
        [partner("eva", 75, 70), partner("tom", 50, 80), partner("ana", 50, 80)],
        [partner("eva", 75, 70), partner("tom", 50, 80), partner("ana", 50, None)],
        [partner(who, 75, 70, code="ftas_sf") for who in ("eva", "tom")],  # the others of a family are not one partner
        [rating("eva", 75), rating("tom", 50)],
    ],
    ids=["one", "no self", "no other", "three", "three, one without", "a family's form", "a form without the two"],
)
def test_there_is_none(ratings: list[Rating]) -> None:
    assert couple_in(*ratings, of=family("eva", "tom", "ana")) is None
