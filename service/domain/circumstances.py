"""What of a case bears on how its alerts are told, though it changes none of them."""

from dataclasses import dataclass

from service.domain.commands import Document


@dataclass(frozen=True, slots=True)
class Circumstances:
    """`on_hold`: safety comes first; `mandated`: treatment was required; `walled`: some members must not know each
    other's times; `supported`: somebody helps from outside the room.
    """

    on_hold: bool = False
    mandated: bool = False
    walled: bool = False
    supported: bool = False


def circumstances_of(facts: Document) -> Circumstances:
    """Return the circumstances that the facts of a case announce."""
    return Circumstances(
        on_hold=facts["safety_hold"],
        mandated=facts["mandated"],
        walled=bool(facts["walls"]),
        supported=any(member["supporter"] and member["active"] for member in facts["members"].values()),
    )
