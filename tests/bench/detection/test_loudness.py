"""Alarms at every limit at once are those that are counted one by one."""

import pytest

from bench.detection.charts import CHARTS, Peer, heard_by
from bench.detection.loudness import loudness
from bench.detection.measure import quiet_at
from bench.detection.scenarios import LATE
from bench.detection.score import false_share
from bench.detection.simulate import courses


@pytest.mark.parametrize(
    ("limit", "opened"),
    [
        (1.0, 1),  # 1 3 2: one run
        (2.0, 2),  # 3 2, and Tom's 2
        (2.5, 1),
        (3.5, 0),
    ],
)
def test_who_spoke_before_goes_on(limit: float, opened: int) -> None:
    heard = {"ana": [(4, 1.0), (5, 3.0), (5, 0.0), (6, 2.0)], "tom": [(2, 2.0)] if limit > 1 else []}
    assert loudness([(heard, 10, 2)])(limit) == opened / 20


@pytest.mark.parametrize("peer", CHARTS, ids=lambda peer: peer.name)
def test_it_is_what_counting_gives(peer: Peer) -> None:
    families = list(courses(LATE, None, 10, seed=1))
    listened = [(heard_by(peer, course, list(course.family.members)), 10, 4) for course in families]
    at = loudness(listened)
    for limit in (peer.limit, peer.limit / 2, 0.0):
        assert at(limit) == pytest.approx(false_share(quiet_at(peer.name, listened, limit)))
