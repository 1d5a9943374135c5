"""With whom a next step may be taken up, so that nobody is told in front of others what they rated or were seen to do.

Ours: a form is filled in for the therapist, not for the room. What an alert says of one member is for that one alone;
a step that is about everybody asks everybody, unless they are to be kept apart.
"""

from enum import StrEnum

from service.domain.circumstances import Circumstances
from service.domain.next_steps import JOINT


class OnlyWith(StrEnum):
    """`member`: the one whom it is about, alone; `apart`: each of them, without the others."""

    member = "member"
    apart = "apart"
    family = "family"
    supervisor = "supervisor"


WORDS = {
    OnlyWith.member: "Only with this member, alone.",
    OnlyWith.apart: "Only with each of them, without the others.",
    OnlyWith.family: "With everybody who is in the room.",
    OnlyWith.supervisor: "First with your supervisor only.",
}

FOR_ALL = JOINT | {"family-as-solution"}
"""Steps that ask everybody at once and single nobody out."""

OF_THE_THERAPIST = frozenset({"over-reliance", "side-taking", "therapist-stance"})
"""Rules that say how a therapist was seen. Naming that in the room may give away who saw it."""

OF_THE_ROOM = OF_THE_THERAPIST | {"member-excluded"}
"""Rules that name a member, but ask something of the others: whose side was taken, or who is not there."""


def only_with(rule: str, step: str, members: int, case: Circumstances, apart: bool) -> OnlyWith:
    """Return with whom a step may be taken up; its alert names so many `members`; `apart`: its text says so."""
    if step == "own-part" and rule in OF_THE_THERAPIST:
        return OnlyWith.supervisor
    if members and step not in FOR_ALL and rule not in OF_THE_ROOM:
        return OnlyWith.member if members == 1 else OnlyWith.apart
    return OnlyWith.apart if case.on_hold or case.walled or apart else OnlyWith.family
