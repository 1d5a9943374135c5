import doctest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.domain import consensus
from service.domain.consensus import Consensus, Way, consensus_of, consensuses
from service.domain.model import RaterKind, Rating
from tests.factories import rating

marks = st.lists(st.integers(-3, 3), min_size=2, max_size=6)


def mark(observer: str, raw: float, about: str = "member/ana", dimension: str = "safety") -> Rating:
    """Return one observer's one mark, given as -3..+3."""
    nothing = dict.fromkeys(("engagement", "connection", "safety", "purpose"))
    return rating(
        observer,
        instrument="softa_o",
        kind=RaterKind.observer,
        about=about,
        dimensions={**nothing, dimension: (raw + 3) / 6 * 100},
    )


def test_docstrings_tell_the_truth() -> None:
    found = doctest.testmod(consensus)
    assert found.attempted == 1
    assert found.failed == 0


@pytest.mark.parametrize(
    ("given_marks", "raw", "way", "agreed"),
    [
        ([0, 0, -1], 0.0, Way.majority, True),  # the manual's own case
        ([-1, 1, 2], 1.5, Way.closest, True),  # the manual's own case: -1 is the farthest, (1 + 2) / 2
        ([-2, 0, 2], 0.0, Way.median, False),  # neither is the farthest
        ([-3, 0, 2], 1.0, Way.closest, False),  # the two closest are two points apart
        ([1, 1], 1.0, Way.majority, True),
        ([0, 1], 0.5, Way.closest, True),
        ([-2, 2], 0.0, Way.closest, False),
        ([0, 0, 1, 1], 0.5, Way.median, False),  # two pairs as close
        ([0, 0, 0, 1, 1], 0.0, Way.majority, True),  # three of five
        ([-3, 0, 0, 3], 0.0, Way.closest, True),  # no majority, but one closest pair
    ],
)
def test_golden_marks(given_marks: list[float], raw: float, way: Way, agreed: bool) -> None:
    assert consensus_of(given_marks) == (raw, way, agreed)


@given(marks)
@settings(deadline=None, max_examples=100)
def test_the_order_of_observers_does_not_matter(given_marks: list[int]) -> None:
    assert consensus_of(given_marks[::-1]) == consensus_of(given_marks) == consensus_of(sorted(given_marks))
    assert min(given_marks) <= consensus_of(given_marks)[0] <= max(given_marks)


@given(marks)
@settings(deadline=None, max_examples=100)
def test_good_and_bad_are_treated_alike(given_marks: list[int]) -> None:
    raw, way, agreed = consensus_of([-item for item in given_marks])
    assert (-raw, way, agreed) == consensus_of(given_marks)


def test_it_stands_by_dimension_and_whom_it_is_about() -> None:
    found = consensuses(
        [
            *(mark(observer, raw) for observer, raw in (("o1", -1), ("o2", 1), ("o3", 2))),
            *(mark(observer, raw, "family", "purpose") for observer, raw in (("o1", 0), ("o2", 0))),
        ]
    )
    assert found == {
        "purpose": {"family": Consensus(0.0, 50.0, ("o1", "o2"), Way.majority, True)},
        "safety": {"member/ana": Consensus(1.5, 75.0, ("o1", "o2", "o3"), Way.closest, True)},  # (1.5 + 3) / 6
    }


@pytest.mark.parametrize(
    "ratings",
    [
        [mark("o1", -1)],
        [mark("o1", -1), mark("o2", 1, about="member/tom")],
        [mark("o1", -1), mark("o2", 1, dimension="engagement")],
        [rating(who, instrument="vtas_r_sf", kind=RaterKind.observer, about="member/ana") for who in ("o1", "o2")],
        [rating("eva"), rating("tom")],
    ],
    ids=["one observer", "two members", "two dimensions", "a form without a middle", "members"],
)
def test_there_is_none(ratings: list[Rating]) -> None:
    assert consensuses(ratings) == {}
