"""Setting the references of a form otherwise: what somebody wishes, held against the form and what was set before."""

from dataclasses import dataclass
from datetime import datetime

from service.domain.commands import Refusal
from service.domain.instruments import instruments
from service.domain.references import OwnReference, checked
from service.domain.rulebook import ReferenceSetting, Rulebook


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceWish:
    """All own references that a form is to have from now on; none lets the form's own stand again.

    `if_match` is the version that was seen; None is any.
    """

    instrument: str
    references: tuple[OwnReference, ...]
    key_id: str
    at: datetime
    if_match: int | None = None


def referenced(book: Rulebook, wish: ReferenceWish) -> ReferenceSetting | Refusal | None:
    """Return the setting that a wish comes to, or why it may not be; None if it is so already.

    Raises InvalidReferences with every fault.
    """
    kept = checked(instruments()[wish.instrument], wish.references)
    former = book.references_of(wish.instrument)
    version = former[-1].version if former else 0
    if kept == (former[-1].references if former else ()):
        return None
    if wish.if_match is not None and wish.if_match != version:
        return Refusal("precondition-failed", extra={"version": version})
    return ReferenceSetting(
        number=book.number + 1,
        instrument=wish.instrument,
        version=version + 1,
        references=kept,
        key_id=wish.key_id,
        at=wish.at if book.last_at is None else max(wish.at, book.last_at),  # clocks differ; the order does not
    )
