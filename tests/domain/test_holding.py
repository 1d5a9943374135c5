"""When somebody may be told: tables with their arithmetic, and what holds for any settings and any time."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.channels import channels
from service.domain.holding import (
    DAYS,
    MOST_A_DAY,
    USUAL,
    Day,
    DeliverySettings,
    Held,
    HeldFor,
    QuietHours,
    digest_after,
    digest_before,
    held,
    plain_settings,
    quiet_until,
    settings_of,
)

NIGHT = QuietHours(DAYS, time(20), time(7))
WEEKEND = QuietHours((Day.saturday, Day.sunday), time(0), time(0))  # each to the next midnight
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}+00:00")


def wanted(*hours: QuietHours, zone: str = "UTC", **others: Any) -> DeliverySettings:
    return DeliverySettings(quiet_hours=hours, time_zone=zone, **others).over(USUAL)


@pytest.mark.parametrize(
    ("settings", "now", "until"),
    [
        (wanted(), "06-01T23:00", None),
        (wanted(NIGHT), "06-01T19:59", None),
        (wanted(NIGHT), "06-01T20:00", "06-02T07:00"),
        (wanted(NIGHT), "06-02T06:59", "06-02T07:00"),  # it began the day before
        (wanted(NIGHT), "06-02T07:00", None),
        (wanted(NIGHT, zone=BERLIN), "06-01T17:59", None),  # two hours ahead in summer
        (wanted(NIGHT, zone=BERLIN), "06-01T18:00", "06-02T05:00"),
        (wanted(NIGHT, zone=BERLIN), "01-10T18:00", None),  # one hour ahead in winter
        (wanted(NIGHT, zone=BERLIN), "01-10T19:00", "01-11T06:00"),
        (wanted(NIGHT, zone=BERLIN), "03-28T19:00", "03-29T05:00"),  # the night in which the clock is put forward
        (wanted(NIGHT, zone=BERLIN), "10-24T18:00", "10-25T06:00"),  # and back: two hours longer than that one
        (wanted(WEEKEND), "06-05T23:59", None),  # a Friday
        (wanted(WEEKEND), "06-06T00:00", "06-08T00:00"),
        (wanted(NIGHT, WEEKEND), "06-05T20:00", "06-08T07:00"),  # Friday's night, the weekend, Sunday's night
        (wanted(QuietHours((Day.monday,), time(9), time(10))), "06-01T09:30", "06-01T10:00"),
        (wanted(QuietHours((Day.tuesday,), time(9), time(10))), "06-01T09:30", None),
    ],
)
def test_quiet_hours(settings: DeliverySettings, now: str, until: str | None) -> None:
    assert quiet_until(settings, at(now)) == (until and at(until))


@pytest.mark.parametrize(
    ("zone", "now", "before", "after"),
    [
        ("UTC", "06-01T07:59", "05-31T08:00", "06-01T08:00"),
        ("UTC", "06-01T08:00", "06-01T08:00", "06-02T08:00"),  # it is due now; the next one is tomorrow's
        (BERLIN, "06-01T06:00", "06-01T06:00", "06-02T06:00"),
        (BERLIN, "03-28T08:00", "03-28T07:00", "03-29T06:00"),  # a day of 23 hours
        ("Pacific/Auckland", "06-01T19:59", "05-31T20:00", "06-01T20:00"),  # it is the next day there
    ],
)
def test_digests(zone: str, now: str, before: str, after: str) -> None:
    settings = wanted(zone=zone)
    assert (digest_before(settings, at(now)), digest_after(settings, at(now))) == (at(before), at(after))


DIGEST, BUDGET, QUIET = HeldFor.digest, HeldFor.budget, HeldFor.quiet_hours
NOON, EVENING = "06-01T12:00", "06-01T21:00"
MORNING, TOMORROW = "06-02T07:00", "06-02T08:00"


@pytest.mark.parametrize(
    ("settings", "channel", "urgent", "before", "told", "now", "expected"),
    [
        (wanted(), "email", False, None, 0, NOON, (TOMORROW, DIGEST)),  # no mail a day but the digest
        (wanted(), "email", False, DIGEST, 0, NOON, None),  # which is due
        (wanted(), "email", True, None, 5, NOON, None),  # what is critical waits for none
        (wanted(), "web-push", False, None, 9, NOON, None),
        (wanted(), "web-push", False, None, 10, NOON, (TOMORROW, BUDGET)),
        (wanted(), "web-push", True, None, 10, NOON, None),
        (wanted(most_per_day=1), "email", False, None, 0, NOON, None),
        (wanted(most_per_day=1), "web-push", False, None, 1, NOON, (TOMORROW, BUDGET)),
        (wanted(most_per_day=1), "web-push", False, BUDGET, 1, NOON, None),  # the digest for which it waited
        (wanted(most_per_day=0), "web-push", False, None, 0, NOON, (TOMORROW, DIGEST)),  # no budget at all
        (wanted(NIGHT), "web-push", False, None, 0, EVENING, (MORNING, QUIET)),
        (wanted(NIGHT), "web-push", True, None, 0, EVENING, (MORNING, QUIET)),
        (wanted(NIGHT, critical_in_quiet_hours=True), "web-push", True, None, 0, EVENING, None),
        (wanted(NIGHT, critical_in_quiet_hours=True), "web-push", False, None, 0, EVENING, (MORNING, QUIET)),
        (wanted(NIGHT), "email", False, QUIET, 0, MORNING, (TOMORROW, DIGEST)),  # the night is over, not the day
        (wanted(NIGHT, digest_at=time(22)), "email", False, DIGEST, 0, "06-01T22:00", (MORNING, DIGEST)),
        (wanted(NIGHT, digest_at=time(22)), "email", False, BUDGET, 0, "06-01T22:00", (MORNING, BUDGET)),
        (wanted(NIGHT, digest_at=time(22)), "email", False, DIGEST, 0, MORNING, None),  # a digest waits for no other
    ],
)
def test_who_may_be_told_now(
    settings: DeliverySettings,
    channel: str,
    urgent: bool,
    before: HeldFor | None,
    told: int,
    now: str,
    expected: tuple[str, HeldFor] | None,
) -> None:
    found = held(settings, channel, urgent, before, told, at(now))
    assert found == (None if expected is None else Held(at(expected[0]), expected[1]))


TIMES = st.times(timezones=st.none()).map(lambda found: found.replace(second=0, microsecond=0))
HOURS = st.builds(QuietHours, st.lists(st.sampled_from(DAYS), min_size=1, unique=True).map(tuple), TIMES, TIMES)
SETTINGS = st.builds(
    DeliverySettings,
    time_zone=st.sampled_from(["UTC", BERLIN, "America/St_Johns", "Pacific/Auckland", "Asia/Kathmandu"]),
    quiet_hours=st.lists(HOURS, max_size=3).map(tuple),
    critical_in_quiet_hours=st.booleans(),
    digest_at=TIMES,
    most_per_day=st.none() | st.integers(0, 3),
    escalate_after=st.none() | st.integers(1, 9999),
).filter(lambda found: not found.always_quiet)
NOWS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(SETTINGS, st.sampled_from(sorted(MOST_A_DAY)), NOWS, st.integers(0, 5), st.booleans())
def test_nothing_waits_for_ever_and_nothing_comes_in_quiet_hours(
    settings: DeliverySettings, channel: str, now: datetime, told: int, urgent: bool
) -> None:
    """Whoever looks again when a message is due lets it go after a few looks, and never while it is quiet."""
    before: HeldFor | None = None
    for _ in range(4):  # quiet hours, the digest, quiet hours again
        found = held(settings, channel, urgent, before, told, now)
        if found is None:
            break
        assert now < found.until <= now + timedelta(days=9)
        now, before = found.until, found.reason
    assert found is None
    if not (urgent and settings.critical_in_quiet_hours):
        assert quiet_until(settings, now) is None


@given(SETTINGS, NOWS)
def test_a_day_lies_between_two_digests(settings: DeliverySettings, now: datetime) -> None:
    begun, ends = digest_before(settings, now), digest_after(settings, now)
    assert begun <= now < ends
    assert timedelta(hours=22) <= ends - begun <= timedelta(hours=26)


@given(SETTINGS)
def test_settings_are_what_was_stored(settings: DeliverySettings) -> None:
    assert settings_of(plain_settings(settings)) == settings
    assert settings.over(DeliverySettings()) == settings
    assert DeliverySettings().over(settings) == settings


def test_what_is_never_over_is_told_apart() -> None:
    assert wanted(QuietHours(DAYS, time(0), time(0))).always_quiet
    assert wanted(QuietHours(DAYS, time(7), time(20)), NIGHT).always_quiet
    assert not wanted(QuietHours(DAYS, time(7), time(19, 59)), NIGHT).always_quiet
    assert not wanted(NIGHT, WEEKEND).always_quiet


def test_every_channel_to_people_has_its_usual_number() -> None:
    assert set(MOST_A_DAY) == set(channels()) - {"webhook"}
