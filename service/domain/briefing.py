"""Five lines before a session: whom to ask first, what changed, who has no voice, what not to raise jointly, one
sentence to say. Drawn from alerts and forms alone, so it knows nothing of what was said in the room.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from service.domain.concern import Concern
from service.domain.model import Family, TherapySession, member_reference
from service.domain.next_steps import HELD_BACK, HOLD_TEXT, SENTENCES
from service.domain.rules import rules

LOOKED_BACK = 3  # held sessions in which a member may have been heard (ours)
APART = frozenset({"bond-asymmetry", "hostility-to-member", "side-taking", "split-alliance"})
"""Rules that speak of members against each other; told jointly, they would make the gap larger (ours)."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a briefing: what it is about, its text, and the members and rules that it speaks of."""

    topic: str
    text: str
    members: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


def briefing(
    concerns: Sequence[Concern], held: Sequence[TherapySession], number: int, family: Family, on_hold: bool
) -> tuple[Line, ...]:
    """Return the five lines, always in the same order.

    `concerns` are those that may be shown and nobody has dismissed, `held` the latest held sessions, oldest first;
    `number` is how many the case has held.
    """
    standing = sorted((item for item in concerns if item.active), key=_urgency)
    apart = on_hold or any(HOLD_TEXT in _text(item) for item in standing)
    return (
        _ask_first(standing),
        _changed(concerns, number),
        _unheard(held[-LOOKED_BACK:], family),
        _not_jointly(standing, apart),
        _say(standing, apart),
    )


def _urgency(concern: Concern) -> tuple[int, float, str, tuple[str, ...]]:
    """Return the order of standing concerns: the gravest, then the one that spoke last."""
    return (-concern.severity.rank, -concern.last_held_at.timestamp(), concern.rule, concern.subject)


def _ask_first(standing: Sequence[Concern]) -> Line:
    for concern in standing:
        rule, member = rules().get(concern.rule), _whom_to_ask(concern)
        if rule is not None and member is not None:
            return Line("ask-first", f"Ask this member first. {rule.title}.", (member,), (rule.code,))
    return Line("ask-first", "No open alert speaks of one member. Ask first whoever said least the last time.")


def _whom_to_ask(concern: Concern) -> str | None:
    """Return the member it is about; of two the one it hit, and where a side was taken the one on the other side."""
    if concern.rule == "side-taking":
        fell = concern.signal.values.get("bond_fell")
        return fell if isinstance(fell, str) else None
    return next((who for who in reversed(concern.subject) if who.startswith("member/")), None)


def _changed(concerns: Sequence[Concern], number: int) -> Line:
    """Return what the last held session opened and what it ended."""
    new = [item for item in concerns if item.active and item.opened_number == number]
    over = [item for item in concerns if not item.active and item.ended == number]
    if not new and not over:
        return Line("changed", "The last session changed no alert. That does not mean that all is well.")
    text = f"The last session opened {len(new)} and ended {len(over)} of the alerts."
    members = {who for item in (*new, *over) for who in item.subject if who.startswith("member/")}
    return Line("changed", text, tuple(sorted(members)), tuple(sorted({item.rule for item in (*new, *over)})))


def _unheard(latest: Sequence[TherapySession], family: Family) -> Line:
    """Return the expected members of whom no form came in the latest sessions."""
    if not latest:
        return Line("no-voice", "There is no session yet.")
    heard = frozenset[str]().union(*(session.raters for session in latest))
    expected = (member_id for member_id, member in family.members.items() if member.awaited)
    silent = tuple(member_reference(member_id) for member_id in sorted(expected) if member_id not in heard)
    if silent:
        return Line("no-voice", "No form of theirs came in the latest sessions. Ask how it is for them.", silent)
    return Line("no-voice", "A form came from everybody who is expected.")


def _not_jointly(standing: Sequence[Concern], apart: bool) -> Line:
    if apart:
        return Line("not-jointly", HOLD_TEXT)
    between = [item for item in standing if item.rule in APART]
    if between:
        members = {who for item in between for who in item.subject if who.startswith("member/")}
        text = "Do not hold their ratings against each other in the room. Ask each in turn."
        return Line("not-jointly", text, tuple(sorted(members)), tuple(sorted({item.rule for item in between})))
    return Line("not-jointly", "Never say in the room what one of them answered.")


def _text(concern: Concern) -> str:
    rule = rules().get(concern.rule)
    return rule.texts[concern.signal.route] if rule else ""


def _say(standing: Sequence[Concern], apart: bool) -> Line:
    """Return the sentence that goes with the first step of the gravest concern."""
    for concern in standing:
        rule = rules().get(concern.rule)
        steps = [step for step in (rule.next_steps if rule else ()) if not (apart and step in HELD_BACK)]
        if steps:
            return Line("say", SENTENCES[steps[0]], rules=(concern.rule,))
    return Line("say", SENTENCES["check-in"])
