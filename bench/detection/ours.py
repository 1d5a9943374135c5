"""The service's own rules, by the real fold: every concern that stands after each session."""

from bench.detection.alarms import Days, Standing
from bench.detection.arrivals import Course
from service.domain.assess import Step, fold
from service.domain.carry import Carry, default_parameters
from service.domain.concern import Concern
from service.domain.rules import Tone, tone_of


def ours(course: Course) -> Days:
    """Return what stands after each session, as somebody sees it then; late ratings are folded in when they come."""
    if course.on_time:
        return [_standing(step) for step in _folded(course, len(course.sessions))]
    return [_standing(_folded(course, now)[-1]) for now in range(1, len(course.sessions) + 1)]


def _folded(course: Course, now: int) -> list[Step]:
    sessions = list(course.sessions) if course.on_time else course.known(now)
    return fold(Carry(), sessions, course.family, default_parameters())[0]


def _standing(step: Step) -> list[Standing]:
    """Return the alerts that stand, but for good news, which is no alarm."""
    return [
        Standing(concern.rule, _named(concern), concern.severity, (concern.rule, concern.subject))
        for concern in step.concerns
        if concern.active and tone_of(concern.rule) is Tone.caution
    ]


def _named(concern: Concern) -> tuple[str, ...]:
    """Return whom an alert is about; one about the family also names the member whose series opened it."""
    opener = (concern.signal.series or "").partition("|")[0]
    return (*concern.subject, opener) if opener and concern.subject == ("family",) else concern.subject
