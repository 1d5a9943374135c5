"""When each rating of a course reaches the service: on time, with the next session's, or twice."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from service.domain.model import Family, RaterKind, Rating, TherapySession


@dataclass(frozen=True, slots=True)
class Post:
    """A rating of the session `number`, there from the session `arrives` on."""

    number: int
    arrives: int
    rating: Rating


@dataclass(frozen=True, slots=True)
class Course:
    """What took place, and the posts in the order in which they come; `on_time` is known when it was made."""

    family: Family
    sessions: tuple[TherapySession, ...]
    posts: tuple[Post, ...]
    on_time: bool = True

    def known(self, now: int) -> list[TherapySession]:
        """Return the sessions until `now` with the ratings that are there by then, each once."""
        there: dict[int, dict[tuple[str, ...], Rating]] = {}
        for post in self.posts:
            if post.arrives <= now:
                there.setdefault(post.number, {})[post.rating.natural_key] = post.rating
        return [
            replace(session, ratings=tuple(there.get(number, {}).values()))
            for number, session in enumerate(self.sessions[:now], start=1)
        ]

    def totals(self, who: str) -> list[tuple[int, float]]:
        """Return a member's totals in percent, with the session of arrival, as a plain list of posts shows them."""
        return [
            (post.arrives, post.rating.scores["total"].percent)
            for post in self.posts
            if post.rating.rater_id == who and post.rating.rater_kind is RaterKind.member
        ]


def course_of(
    family: Family, sessions: Sequence[TherapySession], random: Random, late: float = 0.0, doubled: float = 0.0
) -> Course:
    """Return a course whose ratings arrive late or twice by chance; the last session's are never late."""
    posts = []
    for number, session in enumerate(sessions, start=1):
        for rating in session.ratings:
            behind = number < len(sessions) and random.random() < late
            post = Post(number, number + behind, rating)
            posts += [post] * (1 + (random.random() < doubled))
    posts.sort(key=lambda post: post.arrives)  # a stable sort: what is late comes before that session's own
    return Course(family, tuple(sessions), tuple(posts), on_time=not (late or doubled))
