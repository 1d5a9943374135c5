"""What one session shows: its balances, its levels, and whose rating is missing."""

from dataclasses import dataclass

from service.domain.assess import with_roles
from service.domain.balance import Balance, balances, missing_raters
from service.domain.carry import Carry
from service.domain.levels import Levels, levels
from service.domain.model import Family, Rating, TherapySession


@dataclass(frozen=True, slots=True)
class Course:
    """How far a case has come: its held sessions and the last of them."""

    held_sessions: int
    last_session_id: str | None


@dataclass(frozen=True, slots=True)
class Figures:
    """`missing_raters` are references of the members whose rating of the asked group is missing, sorted."""

    balances: tuple[Balance, ...]
    levels: tuple[Levels, ...]
    missing_raters: tuple[str, ...] = ()


def figures(carry: Carry, session: TherapySession, family: Family, rating: Rating | None = None) -> Figures:
    """Return what a session shows, given the carry AFTER it; `rating` names the group whose raters may be missing."""
    known = with_roles(family, carry.roles)
    missing = missing_raters(session, known, rating) if rating is not None else ()
    return Figures(balances(session, known, carry.joint), levels(session, known), missing)
