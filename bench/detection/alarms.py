"""What stands after each session, whoever says so, and the alarms that this makes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from service.domain.model import Severity


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert of a detector as it stands after a session; `key` tells it from others, also from its own reopening."""

    detector: str
    subject: tuple[str, ...]
    severity: Severity
    key: object


Days = Sequence[Sequence[Standing]]  # per session, the first one first


@dataclass(slots=True)
class Alarm:
    """A run of sessions in which an alert stands: from `opened`, and no more at `ended` (None: until the end)."""

    detector: str
    subject: tuple[str, ...]
    opened: int
    ended: int | None = None
    critical: bool = False

    def about(self, members: Sequence[str]) -> bool:
        """Tell whether it names one of these members, alone or among others, or the family and nobody of it."""
        return self.subject == ("family",) or any(f"member/{who}" in self.subject for who in members)


def alarms(days: Days, counts: Callable[[Standing], bool]) -> list[Alarm]:
    """Return the alarms of those alerts that count; one that rises to count opens then."""
    found: list[Alarm] = []
    running: Mapping[object, Alarm] = {}
    for number, standing in enumerate(days, start=1):
        now: dict[object, Alarm] = {}
        for each in filter(counts, standing):
            if (alarm := running.get(each.key)) is None:
                alarm = Alarm(each.detector, each.subject, number)
                found.append(alarm)
            alarm.critical |= each.severity is Severity.critical
            now[each.key] = alarm
        for key, alarm in running.items():
            if key not in now:
                alarm.ended = number
        running = now
    return found
