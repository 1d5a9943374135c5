"""With whom a next step may be taken up, so that nobody is told in front of others what they rated or were seen to do.

Ours: a form is filled in for the therapist, not for the room. What an alert says of members is for each of them alone;
a step that is about everybody asks everybody, unless they are to be kept apart.
"""

from enum import StrEnum

from service.domain.circumstances import Circumstances
from service.domain.next_steps import JOINT


class OnlyWith(StrEnum):
    """`member`: those it is about, or where it names nobody each member, apart from the others."""

    member = "member"
    family = "family"
    supervisor = "supervisor"


WORDS = {
    OnlyWith.member: "Only with each of them alone.",
    OnlyWith.family: "With everybody who is in the room.",
    OnlyWith.supervisor: "First with your supervisor only.",
}

FOR_ALL = JOINT | {"family-as-solution"}
"""Steps that ask everybody at once and single nobody out."""

OF_THE_THERAPIST = frozenset({"over-reliance", "side-taking", "therapist-stance"})
"""Rules that say how a therapist was seen. Naming that in the room may give away who saw it."""


def only_with(rule: str, step: str, of_members: bool, case: Circumstances, apart: bool) -> OnlyWith:
    """Return with whom a step may be taken up; `of_members`: its alert names one or more, `apart`: its text says to
    see the members apart.
    """
    if step == "own-part" and rule in OF_THE_THERAPIST:
        return OnlyWith.supervisor
    if case.on_hold or case.walled or apart:
        return OnlyWith.member
    return OnlyWith.member if of_members and step not in FOR_ALL else OnlyWith.family
