"""What somebody asks to be written, and what came of it: plain values, judged in `deciding`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from service.domain.errors import Fault
from service.domain.model import MemberRole, Phase, RaterKind, Score

Document = Mapping[str, Any]  # the announced facts of a case or a session as plain JSON, defaults filled in


class RetractionReason(StrEnum):
    entered_in_error = "entered-in-error"
    wrong_member = "wrong-member"
    withdrawn = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingFacts:
    """One rating as it was sent: its natural key, its facts, and the scores computed from them.

    Exactly one of `answers` (item → number) and `given` (dimension → raw value) is set.
    """

    case_id: str
    session_id: str
    rater_kind: RaterKind
    rater_id: str
    about: str
    phase: Phase
    instrument: str
    rater_role: MemberRole | None = None
    held_at: datetime | None = None
    answers: Mapping[str, float] | None = None
    given: Mapping[str, float] | None = None
    record_id: str | None = None
    record_version: int | None = None
    answered_at: datetime | None = None
    not_alone: bool | None = None
    locale: str | None = None
    scores: Mapping[str, Score] = field(default_factory=dict, compare=False)

    @property
    def natural_key(self) -> tuple[str, ...]:
        return (
            self.case_id,
            self.session_id,
            self.rater_kind,
            self.rater_id,
            self.about,
            self.instrument,
            self.phase,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A wish to write: by which key, received when.

    A `backfill` tells an old story and delivers nothing; without `shown` the answer needs no figures.
    """

    key_id: str
    received_at: datetime
    backfill: bool = False
    shown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PutCase(Command):
    case_id: str
    facts: Document
    if_match: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchCase(Command):
    case_id: str
    patch: Document
    if_match: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutSession(Command):
    case_id: str
    session_id: str
    facts: Document
    if_match: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSession(Command):
    case_id: str
    session_id: str
    patch: Document
    if_match: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PostRating(Command):
    facts: RatingFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class PutRating(Command):
    rating_id: str
    facts: RatingFacts
    if_match: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractRating(Command):
    rating_id: str
    reason: RetractionReason
    if_match: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteOverdue(Command):
    """The watchdog's word on the last session of a course: when the one planned to follow became overdue; None: not."""

    case_id: str
    session_id: str
    overdue_at: datetime | None


AnyCommand = PutCase | PatchCase | PutSession | PatchSession | PostRating | PutRating | RetractRating | NoteOverdue


class Result(StrEnum):
    """What became of a command."""

    created = "created"
    same = "same"
    changed = "changed"
    stale = "stale"
    refused = "refused"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a command was refused; `extra` are further members of the answer, such as the rating it collides with."""

    code: str
    faults: tuple[Fault, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)
