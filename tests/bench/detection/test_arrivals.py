"""What the service knows when: late ratings are missing at first, doubled ones count once."""

from random import Random

from bench.detection.arrivals import Course, Post, course_of
from tests.factories import family, rating, therapy_session

EVA, TOM = rating("eva", 90), rating("tom", 80)
FIRST, SECOND = therapy_session(1, EVA, TOM), therapy_session(2, EVA)


def test_a_late_rating_is_there_with_the_next_session() -> None:
    posts = (Post(1, 1, EVA), Post(1, 2, TOM), Post(2, 2, EVA), Post(2, 2, EVA))
    course = Course(family("eva", "tom"), (FIRST, SECOND), posts, on_time=False)
    assert course.known(1) == [therapy_session(1, EVA)]
    assert course.known(2) == [FIRST, SECOND]
    assert course.totals("tom") == [(2, 80.0)]
    assert course.totals("eva") == [(1, 90.0), (2, 90.0), (2, 90.0)]  # a plain list does not know it is the same


def test_chance_delays_and_doubles_but_never_past_the_end() -> None:
    course = course_of(family("eva", "tom"), [FIRST, SECOND], Random(1), late=1.0, doubled=1.0)
    assert [(post.number, post.arrives) for post in course.posts] == [(1, 2)] * 4 + [(2, 2)] * 2
    on_time = course_of(family("eva", "tom"), [FIRST, SECOND], Random(1))
    assert [(post.number, post.arrives) for post in on_time.posts] == [(1, 1)] * 2 + [(2, 2)]
    assert on_time.on_time
