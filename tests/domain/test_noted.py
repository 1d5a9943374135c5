from datetime import datetime, timedelta, timezone
from itertools import pairwise

import pytest

from service.domain.noted import AgeBand, Noted, day_of
from tests.factories import START

DAY = "2026-01-05"


@pytest.mark.parametrize(
    ("noted", "came", "decided"),
    [
        (Noted("open"), False, False),
        (Noted("open"), True, False),
        (Noted("ticked", decided_in="s1"), False, False),
        (Noted("ticked", decided_in="s1"), True, True),
        (Noted("not-needed", decided_on="2026-01-04"), False, True),
        (Noted("not-needed", decided_on=DAY), False, True),  # on the very day
        (Noted("not-needed", decided_on="2026-01-06"), False, False),
        (Noted("ticked", decided_in="s2", decided_on=DAY), False, True),  # whichever comes first
        (Noted("ticked", decided_in="s1", decided_on="2026-01-06"), True, True),
    ],
)
def test_what_is_decided_by_a_day(noted: Noted, came: bool, decided: bool) -> None:
    assert noted.is_decided(DAY, came) is decided


def test_a_day_is_that_of_utc() -> None:
    assert day_of(START) == DAY
    assert day_of(datetime(2026, 1, 6, 1, 0, tzinfo=timezone(timedelta(hours=2)))) == DAY


def test_the_bands_leave_no_year_out_and_none_twice() -> None:
    years = [band.years for band in AgeBand]
    assert years[0][0] == 0
    assert all(oldest is not None and oldest + 1 == youngest for (_, oldest), (youngest, _) in pairwise(years))
    assert years[-1][1] is None
