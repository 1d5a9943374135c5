"""From what stands after each session to alarms: runs, rises and gaps."""

import pytest

from bench.detection.alarms import Alarm, Standing, alarms
from service.domain.model import Severity

INFO, WARNING, CRITICAL = Severity.info, Severity.warning, Severity.critical
ANA = ("member/ana",)


def days(*severities: Severity | None) -> list[list[Standing]]:
    """Return sessions after which one alert about Ana stands at a severity, or not at all."""
    return [[Standing("r", ANA, severity, "key")] if severity else [] for severity in severities]


@pytest.mark.parametrize(
    ("severities", "every", "loud"),
    [
        ((None, INFO, INFO, None), [Alarm("r", ANA, 2, 4)], []),
        ((INFO, WARNING, None), [Alarm("r", ANA, 1, 3)], [Alarm("r", ANA, 2, 3)]),
        (
            (WARNING, None, CRITICAL),
            [Alarm("r", ANA, 1, 2), Alarm("r", ANA, 3, None, critical=True)],
            [Alarm("r", ANA, 1, 2), Alarm("r", ANA, 3, None, critical=True)],
        ),
        ((), [], []),
    ],
    ids=["info", "rises", "opens again", "nothing"],
)
def test_runs_become_alarms(severities: tuple[Severity | None, ...], every: list[Alarm], loud: list[Alarm]) -> None:
    assert alarms(days(*severities), lambda each: True) == every
    assert alarms(days(*severities), lambda each: each.severity is not INFO) == loud


@pytest.mark.parametrize(
    ("subject", "about"),
    [
        (ANA, True),
        (("member/tom", "member/ana"), True),
        (("member/tom",), False),
        (("family",), True),
        (("family", "member/tom"), False),
        (("family", "member/ana"), True),
    ],
)
def test_whom_an_alarm_is_about(subject: tuple[str, ...], about: bool) -> None:
    assert Alarm("r", subject, 1).about(["ana"]) is about
