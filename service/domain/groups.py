"""Comparable groups: which ratings of one session may stand beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.instruments import instruments
from service.domain.model import Phase, RaterKind, Rating, TherapySession


@dataclass(frozen=True, slots=True, order=True)
class Group:
    """Ratings of one instrument family, rater kind, phase and about.

    Members rate themselves, so each rater is a unit and `rater` is None; a therapist's or observer's ratings of
    members are compared with that same rater's only, and the unit is the member rated (`about` is then `member`).
    """

    instrument_family: str
    rater_kind: RaterKind
    rater: str | None
    phase: Phase
    about: str

    @property
    def text(self) -> str:
        """Return the group's name in a carry."""
        return "|".join((self.instrument_family, self.rater_kind, self.rater or "", self.phase, self.about))


def group_of(rating: Rating) -> Group:
    """Return the comparable group of a rating."""
    return Group(*_fields_of(rating))


def _fields_of(rating: Rating) -> tuple[str, RaterKind, str | None, Phase, str]:
    family, kind = instruments()[rating.instrument].family, rating.rater_kind
    if kind is RaterKind.member:
        return (family, kind, None, rating.phase, rating.about)
    about = "member" if rating.about.startswith("member/") else rating.about
    return (family, kind, rating.rater_id, rating.phase, about)


def unit_of(rating: Rating) -> str:
    """Return whom a rating stands for in its group: the rater, or the member that somebody else rated."""
    if rating.rater_kind is RaterKind.member:
        return rating.rater_id
    return rating.about.removeprefix("member/")


def grouped(session: TherapySession) -> dict[Group, dict[str, list[Rating]]]:
    """Return the alliance ratings of a session by group and unit; outcome forms are in none."""
    groups: dict[Group, dict[str, list[Rating]]] = {}
    for rating in session.ratings:
        if instruments()[rating.instrument].context == "alliance":
            groups.setdefault(group_of(rating), {}).setdefault(unit_of(rating), []).append(rating)
    return dict(sorted(groups.items(), key=lambda item: item[0].text))


def joint_groups(session: TherapySession) -> Sequence[str]:
    """Return the names of the groups in which this session is a joint one: at least two units."""
    units: dict[tuple[str, RaterKind, str | None, Phase, str], set[str]] = {}
    known = instruments()
    for rating in session.ratings:
        if known[rating.instrument].context == "alliance":
            units.setdefault(_fields_of(rating), set()).add(unit_of(rating))
    return sorted(Group(*group).text for group, rated in units.items() if len(rated) >= 2)
