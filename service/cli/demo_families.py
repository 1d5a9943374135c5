"""Three example families as plain data, invented; nobody's names, dates relative to the day of loading.

A couple that drifts apart; a family with a hostile adolescent and a therapist who is seen to take sides; a family
that goes well. The adolescent's newest form is left out: it is the first one that a newcomer posts.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

THERAPIST = "therapist-1"
SRS = ("relationship", "goals", "approach", "overall")
BTG = ("bond", "tasks", "goals")

Marks = tuple[float, ...]  # one form's marks, in the order of the items
Line = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """One family: its facts, its forms (rater → marks of each session, None where there is none), what else happened.

    `days_ago` is when the newest session was; the others lie a week apart before it. `events` is session number → what
    its record says beyond its time.
    """

    case_id: str
    facts: Mapping[str, Any]
    instrument: str
    items: tuple[str, ...]
    forms: Mapping[str, tuple[Marks | None, ...]]
    days_ago: int
    events: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def sessions(self) -> int:
        return max(map(len, self.forms.values()))

    def held_at(self, number: int, anchor: datetime) -> datetime:
        return anchor - timedelta(days=self.days_ago, weeks=self.sessions - number)

    def lines(self, anchor: datetime) -> Iterator[Line]:
        """Yield the family, then session by session its record and its forms, as lines of a batch."""
        yield {"type": "case", "case_id": self.case_id, **self.facts}
        for number in range(1, self.sessions + 1):
            place = {"case_id": self.case_id, "session_id": f"session-{number}"}
            held_at = self.held_at(number, anchor).isoformat()
            yield {"type": "session", **place, "held_at": held_at, "status": "held", **self.events.get(number, {})}
            for rater, marks in self.forms.items():
                if (form := marks[number - 1]) is not None:
                    yield {"type": "rating", **self.rating(number, rater, form, anchor)}

    def rating(self, number: int, rater: str, form: Marks, anchor: datetime) -> Line:
        """Return one form as the body of a POST."""
        return {
            "case_id": self.case_id,
            "session_id": f"session-{number}",
            "held_at": self.held_at(number, anchor).isoformat(),
            "rater": {"id": rater, "role": self.facts["members"].get(rater, {}).get("role", "therapist")},
            "about": "family" if rater == THERAPIST else "therapist",
            "instrument": self.instrument,
            "answers": dict(zip(self.items, form, strict=True)),
        }


def seen(kind: str, from_: str, toward: str, severity: int, source: str) -> Line:
    """Return the record of a session in which one behaviour was observed."""
    indicator = {"kind": kind, "from": from_, "toward": toward, "severity": severity, "source": source}
    return {"indicators_observed": True, "indicators": {"i1": indicator}}


LOOKED: Line = {"indicators_observed": True, "indicators": {}}  # somebody looked and saw nothing
HOSTILE = ("hostility", "member/youth-1", f"therapist/{THERAPIST}")
SIDING = ("side-taking", f"therapist/{THERAPIST}", "member/parent-1")

DRIFTING = Example(
    case_id="example-drifting-couple",
    facts={
        "modality": "couple",
        "members": {"partner-1": {"role": "partner"}, "partner-2": {"role": "partner"}},
        "therapists": [THERAPIST],
    },
    instrument="srs",
    items=SRS,
    days_ago=2,
    forms={
        "partner-1": (
            (9.1, 8.9, 9.0, 9.0), (9.2, 9.1, 9.1, 9.1), (9.3, 9.2, 9.2, 9.3), (9.4, 9.3, 9.4, 9.4),
            (9.5, 9.4, 9.5, 9.5), (9.6, 9.5, 9.5, 9.5), (9.6, 9.5, 9.6, 9.6), (9.6, 9.6, 9.6, 9.6),
        ),
        "partner-2": (
            (8.9, 8.7, 8.7, 8.7), (8.7, 8.5, 8.5, 8.5), (8.6, 8.2, 8.3, 8.3), (8.3, 7.9, 8.1, 8.0),
            (8.1, 7.5, 7.7, 7.7), (7.8, 7.1, 7.4, 7.4), (7.5, 6.8, 7.0, 7.1), (7.2, 6.5, 6.7, 6.9),
        ),
        THERAPIST: (
            (8.3, 8.2, 8.2, 8.3), (8.3, 8.3, 8.3, 8.3), (8.4, 8.3, 8.3, 8.4), (8.5, 8.4, 8.4, 8.4),
            (8.5, 8.5, 8.5, 8.5), (8.6, 8.5, 8.6, 8.6), (8.7, 8.6, 8.6, 8.7), (8.8, 8.7, 8.7, 8.8),
        ),
    },
)  # fmt: skip

TORN = Example(
    case_id="example-torn-family",
    facts={
        "modality": "family",
        "members": {
            "parent-1": {"role": "parent"},
            "parent-2": {"role": "parent"},
            "youth-1": {"role": "youth", "index": True},
        },
        "therapists": [THERAPIST],
    },
    instrument="srs",
    items=SRS,
    days_ago=1,
    forms={
        "parent-1": (
            (9.1, 9.0, 9.0, 9.0), (9.2, 9.1, 9.1, 9.1), (9.2, 9.2, 9.1, 9.2), (9.3, 9.2, 9.2, 9.2),
            (9.4, 9.3, 9.3, 9.3), (9.6, 9.4, 9.5, 9.5), (9.5, 9.4, 9.4, 9.5),
        ),
        "parent-2": (
            (8.7, 8.6, 8.6, 8.7), (8.7, 8.7, 8.6, 8.7), None, (8.8, 8.7, 8.7, 8.8),
            (8.9, 8.8, 8.8, 8.8), (9.0, 8.9, 8.9, 9.0), (8.9, 8.9, 8.8, 8.9),
        ),
        "youth-1": (
            (7.6, 8.0, 7.6, 7.6), (7.8, 8.1, 7.7, 7.7), (7.9, 8.1, 7.9, 7.8), (8.1, 8.2, 8.0, 7.9),
            (8.2, 8.3, 8.1, 8.1), (8.0, 8.2, 7.9, 8.0), None,
        ),
    },
    events={
        1: LOOKED,
        2: LOOKED,
        3: {**seen(*HOSTILE, 1, "observer/observer-1"), "attendance": {"parent-2": "not-invited"}},
        4: LOOKED,
        5: seen(*HOSTILE, 2, "observer/observer-1"),
        6: seen(*SIDING, 2, "member/youth-1"),
        7: {**LOOKED, "attendance": {"parent-1": "attended", "parent-2": "attended", "youth-1": "attended"}},
    },
)  # fmt: skip

WELL = Example(
    case_id="example-family-that-goes-well",
    facts={
        "modality": "family",
        "members": {
            "parent-1": {"role": "parent"},
            "youth-1": {"role": "youth", "index": True},
            "grandparent-1": {"role": "grandparent"},
        },
        "therapists": [THERAPIST],
    },
    instrument="btg",
    items=BTG,
    days_ago=3,
    forms={
        "parent-1": (
            (8.4, 8.2, 8.3), (8.6, 8.4, 8.4), (8.7, 8.6, 8.6), (8.8, 8.6, 8.7), (9.0, 8.8, 8.9), (9.1, 9.0, 9.0),
        ),
        "youth-1": (
            (8.1, 8.0, 8.0), (8.2, 8.1, 8.2), (8.4, 8.2, 8.3), (8.3, 8.3, 8.4), (8.6, 8.5, 8.5), (8.8, 8.6, 8.7),
        ),
        "grandparent-1": (
            (8.8, 8.6, 8.7), None, (8.9, 8.8, 8.8), (9.0, 8.8, 8.9), None, (9.2, 9.0, 9.1),
        ),
    },
    events={2: {"attendance": {"grandparent-1": "not-invited"}}, 5: {"attendance": {"grandparent-1": "not-invited"}}},
)  # fmt: skip

EXAMPLES = (DRIFTING, TORN, WELL)


def first_post(anchor: datetime) -> Line:
    """Return the form that a newcomer posts first: the adolescent's newest, after a session that cost trust."""
    return TORN.rating(TORN.sessions, "youth-1", (4.6, 8.0, 7.3, 6.7), anchor)
