from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from service.domain.repair import Repair, repaired, told
from tests.domain.test_handling import ALERT
from tests.factories import NOW, START

TRIED = Repair(id="r-1", next_step="check-in", went=4, with_=("family", "member/ana"), by="dr-7")


def test_an_alert_shows_the_last_one_and_nothing_else_of_it_moves() -> None:
    found = repaired(ALERT, TRIED, NOW)
    assert found.last_repair == {
        "id": "r-1",
        "next_step": "check-in",
        "went": 4,
        "with": ["family", "member/ana"],
        "by": "dr-7",
        "at": NOW.isoformat(),
    }
    assert found == replace(ALERT, last_repair=found.last_repair, revision=4, changed_at=NOW)
    again = repaired(found, replace(TRIED, id="r-2", went=1), NOW)
    assert again.last_repair is not None
    assert (again.last_repair["id"], again.last_repair["went"], again.revision) == ("r-2", 1, 5)


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (None, NOW),
        (START, START),
        (NOW + timedelta(days=1), NOW),  # a clock that runs fast
        (datetime(2026, 3, 1, 10, tzinfo=timezone(timedelta(hours=1))), datetime(2026, 3, 1, 9, tzinfo=UTC)),
    ],
)
def test_when_it_was(at: datetime | None, shown: datetime) -> None:
    found = told("r-1", replace(TRIED, at=at).stored(), NOW)
    assert datetime.fromisoformat(found["at"]) == shown
