"""Whether a person may be told something now, or when: quiet hours, and a bounded number of messages a day.

Only telling is held, never judging, and nothing is lost: what is held comes later, all of it in one message. A system
that is told by a webhook sleeps never.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
WEEK = 7
MORNING = time(8)
MOST_A_DAY = {"email": 0, "web-push": 10}
"""Messages of a day by channel, unless somebody sets it; the rest, with 0 all, is one digest (ours)."""


class Day(StrEnum):
    """The days of the week in their order."""

    monday = "mon"
    tuesday = "tue"
    wednesday = "wed"
    thursday = "thu"
    friday = "fri"
    saturday = "sat"
    sunday = "sun"


DAYS = tuple(Day)


class HeldFor(StrEnum):
    quiet_hours = "quiet-hours"
    digest = "digest"  # nothing comes at once by that channel
    budget = "budget"  # as many have come today as may


FOR_DIGEST = (HeldFor.digest, HeldFor.budget)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours that begin on some days; to an earlier time or the same one, they last into the next day."""

    days: tuple[Day, ...]
    begin: time
    end: time


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How a person, or all of an organization, wants to be told; None is left open, to the organization or to us.

    `critical_in_quiet_hours`: what is critical comes even then. `digest_at` is the local time at which what was held
    back for a digest comes. `most_per_day` counts from one digest to the next. `escalate_after` minutes an alert that
    is critical and that nobody has handled is told to supervisors; left open, it is not.
    """

    time_zone: str | None = None
    quiet_hours: tuple[QuietHours, ...] | None = None
    critical_in_quiet_hours: bool | None = None
    digest_at: time | None = None
    most_per_day: int | None = None
    escalate_after: int | None = None

    def over(self, other: "DeliverySettings") -> "DeliverySettings":
        """Return these settings with what they leave open as another has it."""
        mine = {name: getattr(self, name) for name in self.__dataclass_fields__}
        theirs = {name: getattr(other, name) for name in self.__dataclass_fields__}
        return DeliverySettings(**{name: theirs[name] if value is None else value for name, value in mine.items()})

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone or "UTC")

    @property
    def always_quiet(self) -> bool:
        """Tell whether there is no minute of the week in which somebody may be told something."""
        monday = datetime(2026, 1, 5, tzinfo=UTC)
        in_utc = DeliverySettings(quiet_hours=self.quiet_hours)
        found = quiet_until(in_utc, monday)
        return found is not None and found - monday >= WEEK * DAY


USUAL = DeliverySettings(
    time_zone="UTC", quiet_hours=(), critical_in_quiet_hours=False, digest_at=MORNING, most_per_day=None
)


@dataclass(frozen=True, slots=True)
class Held:
    """A message waits until then, and why."""

    until: datetime
    reason: HeldFor


def held(
    settings: DeliverySettings, channel: str, urgent: bool, before: str | None, told: int, now: datetime
) -> Held | None:
    """Return until when a message waits, and why; None: it may go now.

    `urgent` ones are critical, and count for no digest; `before` is why it waited until now, if it did; `told` is how
    many messages this subscription has had since the last digest was due.
    """
    quiet = None if urgent and settings.critical_in_quiet_hours else quiet_until(settings, now)
    for_digest = HeldFor(before) if before in FOR_DIGEST else None
    if quiet is not None:
        return Held(quiet, for_digest or HeldFor.quiet_hours)
    most = MOST_A_DAY.get(channel, 0) if settings.most_per_day is None else settings.most_per_day
    if urgent or for_digest or told < most:
        return None
    return Held(digest_after(settings, now), HeldFor.budget if most else HeldFor.digest)


def quiet_until(settings: DeliverySettings, now: datetime) -> datetime | None:
    """Return when the quiet hours end in which a time lies, and those that begin before they do; None: it is not quiet.

    Range:    at most eight days later, for hours that never end
    """
    until = now
    while (end := _end_of(settings, until)) is not None and until - now < (WEEK + 1) * DAY:
        until = end
    return until if until > now else None


def _end_of(settings: DeliverySettings, now: datetime) -> datetime | None:
    """Return the latest end of quiet hours that began by a time and are not over then."""
    today = now.astimezone(settings.zone).date()
    ends = [
        end
        for hours in settings.quiet_hours or ()
        for day in (today - DAY, today)
        if DAYS[day.weekday()] in hours.days
        for begin, end in [_span(hours, day, settings.zone)]
        if begin <= now < end
    ]
    return max(ends, default=None)


def _span(hours: QuietHours, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    last = day if hours.end > hours.begin else day + DAY
    return _at(day, hours.begin, zone), _at(last, hours.end, zone)


def digest_after(settings: DeliverySettings, now: datetime) -> datetime:
    """Return when the next digest is due, later than a time."""
    return next(at for at in _digests(settings, now, (0, 1, 2)) if at > now)


def digest_before(settings: DeliverySettings, now: datetime) -> datetime:
    """Return when the last digest was due, by a time."""
    return next(at for at in _digests(settings, now, (0, -1, -2)) if at <= now)


def _digests(settings: DeliverySettings, now: datetime, days: Sequence[int]) -> list[datetime]:
    today, at = now.astimezone(settings.zone).date(), settings.digest_at or MORNING
    return [_at(today + number * DAY, at, settings.zone) for number in days]


def _at(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Return a local time of a day in UTC; where the clock is put forward over it, the same number of hours later."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def plain_settings(settings: DeliverySettings) -> dict[str, object]:
    """Return settings as they are stored and shown."""
    return {
        "time_zone": settings.time_zone,
        "quiet_hours": None if settings.quiet_hours is None else [_plain(item) for item in settings.quiet_hours],
        "critical_in_quiet_hours": settings.critical_in_quiet_hours,
        "digest_at": None if settings.digest_at is None else f"{settings.digest_at:%H:%M}",
        "most_per_day": settings.most_per_day,
        "escalate_after": settings.escalate_after,
    }


def _plain(hours: QuietHours) -> dict[str, object]:
    return {"days": [day.value for day in hours.days], "begin": f"{hours.begin:%H:%M}", "end": f"{hours.end:%H:%M}"}


def settings_of(stored: Mapping[str, object]) -> DeliverySettings:
    """Return settings as they were stored."""
    told = dict(stored)
    digest_at, hours = told.pop("digest_at"), told.pop("quiet_hours")
    return DeliverySettings(
        **told,  # type: ignore[arg-type]
        digest_at=time.fromisoformat(digest_at) if isinstance(digest_at, str) else None,
        quiet_hours=tuple(map(_hours_of, hours)) if isinstance(hours, list) else None,
    )


def _hours_of(stored: Mapping[str, str]) -> QuietHours:
    begin, end = time.fromisoformat(stored["begin"]), time.fromisoformat(stored["end"])
    return QuietHours(tuple(map(Day, stored["days"])), begin, end)
