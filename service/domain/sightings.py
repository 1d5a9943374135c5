"""What was seen in a session: the gravest mark of each behaviour, and its run over the last observed sessions."""

from collections.abc import Callable, Mapping, Sequence

from service.domain.model import Indicator
from service.domain.moment import Moment

Runs = Mapping[str, tuple[int, ...]]  # whom it concerns → levels 0-3 in the last observed sessions, the latest last

THERAPIST, MEMBER, OBSERVER = "therapist/", "member/", "observer/"  # kinds of reference


def gravest(
    moment: Moment, kinds: frozenset[str], concerned: Callable[[Indicator], str | None]
) -> dict[str, Indicator]:
    """Return the gravest mark of some kinds for each person or pair concerned; None concerns nobody.

    Kinds and sources pool by the highest, never by a mean: two who look see no more than one who looked well.
    """
    found: dict[str, Indicator] = {}
    if not moment.session.held or not moment.session.indicators:  # as in most sessions
        return found
    for item in moment.indicators(kinds):
        name = concerned(item)
        if name is not None and (name not in found or _order(item) < _order(found[name])):
            found[name] = item
    return dict(sorted(found.items()))


def _order(item: Indicator) -> tuple[int, str, str]:
    return (-item.severity, item.source, item.kind)


def runs_after(runs: Runs, seen: Mapping[str, Indicator], moment: Moment, kept: int) -> dict[str, tuple[int, ...]]:
    """Return the runs one session later, bounded to `kept` observed sessions and to those who were seen in them.

    Only a session in which somebody looked counts as "none" for those it does not mention.
    """
    if not runs and not seen:  # as in most families
        return {}
    after = {}
    for name in sorted({*runs, *seen}):
        known = runs.get(name, ())
        if name in seen:
            known = (*known, seen[name].severity)[-kept:]
        elif moment.observed:
            known = (*known, 0)[-kept:]
        if any(known):
            after[name] = known
    return after


def looked_at(moment: Moment, reference: str) -> bool:
    """Tell whether somebody looked while a person was not known to be away: who is absent shows nothing.

    A therapist was there if the session names them or nobody; for the family as a whole it is enough that one looked.
    """
    therapists = moment.session.therapists
    if reference.startswith(THERAPIST) and therapists and reference.removeprefix(THERAPIST) not in therapists:
        return False
    away = reference.startswith(MEMBER) and moment.present(reference.removeprefix(MEMBER)) is False
    return moment.observed and not away


def times_at(run: Sequence[int], level: int) -> int:
    """Return in how many sessions of a run a level was reached."""
    return sum(seen >= level for seen in run)
