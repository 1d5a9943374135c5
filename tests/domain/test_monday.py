from dataclasses import replace
from datetime import timedelta

import pytest

from service.domain.model import Severity
from service.domain.monday import MOST, worth_a_question
from service.domain.reconcile import Alert, Handling
from tests.domain.test_reconcile import alert, concern
from tests.factories import held_at

GRAVE, LESS = Severity.critical, Severity.warning
NEW, SEEN = Handling.new, Handling.acknowledged


def waiting(name: str, severity: Severity = LESS, handling: Handling = NEW, since: int = 1, case: str = "") -> Alert:
    """Return an alert that opened in the session of a number, in a case of its own unless one is named."""
    about = replace(concern(since, severity=severity), opened_held_at=held_at(since))
    return replace(alert(name, about, handling=handling), case_id=case or f"case-of-{name}")


CHOSEN = [
    ([], []),
    ([waiting("a")], ["a"]),
    ([waiting("a"), waiting("b", GRAVE)], ["b", "a"]),  # the graver first
    ([waiting("a", handling=SEEN), waiting("b", since=2)], ["b", "a"]),  # then what nobody has seen
    ([waiting("a", handling=SEEN, severity=GRAVE), waiting("b")], ["a", "b"]),  # but a grave one goes before it
    ([waiting("a", since=3), waiting("b", since=2)], ["b", "a"]),  # then what has been open longer
    ([waiting("b"), waiting("a")], ["a", "b"]),
    ([waiting("a", handling=Handling.snoozed, since=2), waiting("b", handling=SEEN)], ["a", "b"]),  # its time is over
    ([waiting("a", case="x"), waiting("b", GRAVE, case="x"), waiting("c")], ["b", "c"]),  # one for each family
    ([waiting(name) for name in "abcde"], ["a", "b", "c"]),
]


@pytest.mark.parametrize(("alerts", "chosen"), CHOSEN)
def test_which_families_are_worth_a_question(alerts: list[Alert], chosen: list[str]) -> None:
    for given in (alerts, alerts[::-1]):
        found = worth_a_question(given)
        assert [item.alert_id for item in found] == chosen
        assert len(found) <= MOST


def test_the_longest_open_by_time_and_not_by_how_it_is_written() -> None:
    early = waiting("b", since=1)
    zone = held_at(2).astimezone().tzinfo
    late = replace(early, alert_id="a", case_id="other")
    late = replace(late, concern=replace(late.concern, opened_held_at=held_at(1).astimezone(zone) + timedelta(hours=1)))
    assert [item.alert_id for item in worth_a_question([late, early])] == ["b", "a"]
