from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.domain.episode import Confirmed, Episode, EpisodeOutcome
from tests.factories import NOW, START

TOLD = Episode(
    id="e-1",
    alert_ids=("a", "b"),
    first_session_id="s5",
    last_session_id="s7",
    members=("member/ana",),
    tried=("check-in",),
    outcome=EpisodeOutcome.repaired,
    by="dr-7",
)


def test_what_is_stored_is_plain_and_says_it_all_but_the_id() -> None:
    assert replace(TOLD, at=START, replaces="e-0").stored() == {
        "alert_ids": ["a", "b"],
        "first_session_id": "s5",
        "last_session_id": "s7",
        "members": ["member/ana"],
        "tried": ["check-in"],
        "outcome": "repaired",
        "by": "dr-7",
        "at": START.isoformat(),
        "replaces": "e-0",
    }
    assert TOLD.stored()["at"] is None


@pytest.mark.parametrize(("at", "shown"), [(None, NOW), (START, START), (NOW + timedelta(days=1), NOW)])
def test_when_it_was_confirmed(at: datetime | None, shown: datetime) -> None:
    assert Confirmed(id="e-1", body=replace(TOLD, at=at).stored(), received_at=NOW).at == shown
