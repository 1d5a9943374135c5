"""What became of a command: one value, made in `deciding` and `announcing`."""

from dataclasses import dataclass
from datetime import timedelta

from service.domain.commands import Document, Refusal, Result
from service.domain.errors import Fault

AHEAD = timedelta(days=1)  # clocks and time zones differ; more than a day ahead is a slip


@dataclass(frozen=True, slots=True)
class Warned:
    """Something to look at that refuses nothing: a code and the place in the request."""

    code: str
    pointer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of a command, and which thing it was about."""

    result: Result
    case_id: str = ""
    session_id: str | None = None
    rating_id: str | None = None
    refusal: Refusal | None = None
    warnings: tuple[Warned, ...] = ()


def refused(
    code: str, pointer: str | None = None, detail: str = "", extra: Document | None = None, case_id: str = ""
) -> Decision:
    faults = (Fault(pointer, code, detail),) if pointer is not None else ()
    return Decision(result=Result.refused, case_id=case_id, refusal=Refusal(code, faults, extra or {}))
