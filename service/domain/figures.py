"""What one session shows: its balances and its levels."""

from dataclasses import dataclass

from service.domain.assess import with_roles
from service.domain.balance import Balance, balances
from service.domain.carry import Carry
from service.domain.levels import Levels, levels
from service.domain.model import Family, TherapySession
from service.domain.references import OURS, References


@dataclass(frozen=True, slots=True)
class Course:
    """How far a case has come: its held sessions and the last of them."""

    held_sessions: int
    last_session_id: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """`family` has the members that joined by rating too."""

    balances: tuple[Balance, ...]
    levels: tuple[Levels, ...]
    family: Family


def figures(carry: Carry, session: TherapySession, family: Family, references: References = OURS) -> Figures:
    """Return what a session shows, given the carry AFTER it and the references in force."""
    known = with_roles(family, carry.roles)
    shown = balances(session, known, carry.joint, carry.series, references)
    return Figures(shown, levels(session, known), known)
