"""The start of a week: at most three of a therapist's families worth a question, one reason each."""

from collections.abc import Iterable

from service.domain.model import Severity
from service.domain.reconcile import Alert, Handling

MOST = 3  # families; more would not be read (ours)
GRAVE = (Severity.warning, Severity.critical)  # what is only `info` is no reason to begin a week with (ours)
WAITING = (Handling.new, Handling.acknowledged)  # nobody put it off or aside


def worth_a_question(alerts: Iterable[Alert]) -> list[Alert]:
    """Return for at most three cases the alert that speaks most for a question, the first to ask about first.

    `alerts` are open, grave and waiting, as of now. The graver goes before, then the unseen, then the longer open.
    """
    first: dict[str, Alert] = {}
    for alert in sorted(alerts, key=_place):
        first.setdefault(alert.case_id, alert)
    return list(first.values())[:MOST]


def _place(alert: Alert) -> tuple[int, bool, float, str]:
    concern, seen = alert.concern, alert.handling is Handling.acknowledged
    return (-concern.severity.rank, seen, concern.opened_held_at.timestamp(), alert.alert_id)
