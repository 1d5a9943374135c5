"""The service's own fold as a detector: what stands when; late and doubled posts come to the same in the end."""

from random import Random

from bench.detection.arrivals import Course, Post, course_of
from bench.detection.ours import ours
from bench.detection.scenarios import FAMILIES, LATE
from bench.detection.simulate import courses
from service.domain.assess import assess
from service.domain.rules import Tone, tone_of
from tests.factories import course, family

FALLING = course(eva=[95, 94, 96, 95, 60, 62], tom=[94, 95, 95, 94, 95, 94])


def test_a_fall_stands_from_its_session_on() -> None:
    standing = ours(course_of(family("eva", "tom"), FALLING, Random(1)))
    about_eva = [any(each.subject == ("member/eva",) for each in day) for day in standing]
    assert about_eva == [False, False, False, False, True, True]


def test_a_late_rating_is_seen_when_it_comes() -> None:
    posts = [
        Post(number, number + (number == 5 and rating.rater_id == "eva"), rating)
        for number, session in enumerate(FALLING, start=1)
        for rating in session.ratings
    ]
    late = Course(family("eva", "tom"), tuple(FALLING), tuple(posts), on_time=False)
    about_eva = [any(each.subject == ("member/eva",) for each in day) for day in ours(late)]
    assert about_eva == [False, False, False, False, False, True]


def test_an_alert_about_the_family_names_who_opened_it() -> None:
    low = course(eva=[95, 95, 95, 95], tom=[92, 60, 60, 60])
    named = {each.subject for day in ours(course_of(family("eva", "tom"), low, Random(1))) for each in day}
    assert ("family", "member/tom") in named


def test_the_last_day_is_what_assess_says() -> None:
    for whole in [*courses(LATE, None, 5, seed=1), *courses(FAMILIES, None, 5, seed=1)]:
        concerns = (concern for concern in assess(whole.sessions, whole.family) if concern.active)
        active = [concern for concern in concerns if tone_of(concern.rule) is Tone.caution]  # good news is no alarm
        expected = {(concern.rule, concern.severity) for concern in active}
        assert {(each.detector, each.severity) for each in ours(whole)[-1]} == expected
