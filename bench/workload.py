"""What is sent: families of four, a rating after each session from each of them; the same for whoever is measured."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

MEMBERS = (("eva", "parent"), ("tom", "parent"), ("ana", "youth"), ("oma", "grandparent"))
LINES = ("relationship", "goals", "approach", "overall")
FIRST = datetime(2010, 1, 4, 16, tzinfo=UTC)  # 500 weeks on it is still long ago
USUAL, SPREAD = 9.0, 0.4  # of a mark on a 10-cm line
FALL, FALLS = 3.0, 0.04  # how far a rating falls now and then, and how often
KINDS = 64  # different sets of marks, drawn once


def _marks(seed: int) -> tuple[dict[str, float], ...]:
    drawn = random.Random(seed)
    found = []
    for _ in range(KINDS):
        level = USUAL - (FALL if drawn.random() < FALLS else 0.0)
        found.append({line: round(min(10.0, max(0.0, drawn.gauss(level, SPREAD))), 1) for line in LINES})
    return tuple(found)


MARKS = _marks(7)


def rating(case_id: str, session_id: str, held_at: datetime, rater: int, marks: int) -> dict[str, Any]:
    """Return the body of one rating."""
    member, role = MEMBERS[rater]
    return {
        "case_id": case_id,
        "session_id": session_id,
        "held_at": held_at.isoformat(),
        "rater": {"id": member, "role": role},
        "instrument": "srs",
        "answers": MARKS[marks % KINDS],
    }


def case(case_id: str) -> dict[str, Any]:
    """Return the body of a case."""
    return {
        "modality": "family",
        "members": {member: {"role": role} for member, role in MEMBERS},
        "subsystems": {"parents": ["eva", "tom"], "youths": ["ana"]},
        "therapists": ["dr-7"],
    }


@dataclass(frozen=True, slots=True)
class Past:
    """The courses that are there before anything is measured."""

    prefix: str
    cases: int
    sessions: int
    raters: int = len(MEMBERS)

    @property
    def ratings(self) -> list[dict[str, Any]]:
        return [
            rating(
                f"{self.prefix}{number}",
                f"past-{week}",
                FIRST + timedelta(weeks=week),
                rater,
                number * 31 + week * 7 + rater * 3,
            )
            for number in range(self.cases)
            for week in range(self.sessions)
            for rater in range(self.raters)
        ]

    @property
    def lines(self) -> bytes:
        """Return cases and ratings as a batch."""
        known = [
            {"type": "case", "case_id": f"{self.prefix}{number}", **case(f"{self.prefix}{number}")}
            for number in range(self.cases)
        ]
        told = [{"type": "rating", **body} for body in self.ratings]
        return b"".join(json.dumps(line).encode() + b"\n" for line in [*known, *told])


@dataclass(frozen=True, slots=True)
class Posts:
    """New ratings by several clients at once, each the newest of its case; no two runs send the same.

    A client sends the four ratings of a session one after the other, then goes on to the next case; `together`, four
    clients send the ratings of the same session at the same time.
    """

    prefix: str
    cases: int
    run: int
    clients: int
    first: int = 0  # weeks after the past, so that nothing is late
    together: bool = False

    def of(self, client: int) -> Iterator[bytes]:
        """Yield the bodies that one client sends."""
        raters = len(MEMBERS)
        group, own = divmod(client, raters) if self.together else (client, None)
        groups = max(1, self.clients // raters) if self.together else self.clients
        start = FIRST + timedelta(weeks=self.first, days=2 * self.run, seconds=group)
        turn = 0
        while True:
            number, rater = (turn, own) if own is not None else divmod(turn, raters)
            case_id = f"{self.prefix}{(number * groups + group) % self.cases}"
            held_at = start + timedelta(minutes=number)
            body = rating(case_id, f"run-{self.run}-{group}-{number}", held_at, rater, turn * 5 + client)
            yield json.dumps(body).encode()
            turn += 1
