"""Five lines before a session: whom to ask first, what changed, who has no voice, what not to raise jointly, one
sentence to say. Drawn from alerts, forms and what was told of hope alone, so it knows nothing else of what was said in
the room.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from service.domain.circumstances import Circumstances
from service.domain.concern import Concern
from service.domain.model import Family, TherapySession, member_reference
from service.domain.next_steps import HOLD_TEXT, SENTENCES, WALL_TEXT, offered
from service.domain.rules import Tone, rules, tone_of

LOOKED_BACK = 3  # held sessions in which a member may have been heard (ours)
LESS_HOPE = 2  # of ten; by less than this it goes up and down anyway (ours)
LEFT_OUT = "member-excluded"
APART = frozenset({"bond-asymmetry", "hostility-to-member", "side-taking", "split-alliance"})
"""Rules that speak of members against each other; told jointly, they would make the gap larger (ours)."""


class Sentence(StrEnum):
    """What the lines say beside titles of rules; some have gaps."""

    ask_member = "Ask this member first."
    ask_anybody = "No open alert speaks of one member. Ask first whoever said least the last time."
    nothing_changed = "The last session changed no alert. That does not mean that all is well."
    changed = "The last session opened {opened} and ended {ended} of the alerts."
    less_hope = "Hope was told lower than the time before."
    no_session = "There is no session yet."
    left_out = "Nothing was heard of them in the latest sessions. Ask what their view might be."
    no_form = "No form of theirs came in the latest sessions. Ask how it is for them."
    all_heard = "A form came from everybody who is expected."
    each_in_turn = "Do not hold their ratings against each other in the room. Ask each in turn."
    tell_nobody = "Never say in the room what one of them answered."


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a briefing: what it is about, what it says, the members and rules that it speaks of, and what fills
    the gaps in what it says.
    """

    topic: str
    said: tuple[str, ...]
    members: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    gaps: Mapping[str, int] = field(default_factory=dict)

    def text(self, say: Callable[[str], str] = str) -> str:
        """Return what it says, as `say` says it in the language of a reader; a title becomes a sentence."""
        told = (say(sentence).format(**self.gaps) for sentence in self.said)
        return " ".join(text if text.endswith((".", "?")) else f"{text}." for text in told)


def briefing(
    concerns: Sequence[Concern],
    held: Sequence[TherapySession],
    number: int,
    family: Family,
    case: Circumstances,
    walls: Sequence[tuple[str, str]] = (),
) -> tuple[Line, ...]:
    """Return the five lines, always in the same order.

    `concerns` are those that may be shown and nobody has dismissed, `held` the latest held sessions, oldest first;
    `number` is how many the case has held; `walls` are pairs of members who must not know each other's times.
    """
    good_news = [item for item in concerns if tone_of(item.rule) is Tone.good_news]
    cautions = [item for item in concerns if tone_of(item.rule) is Tone.caution]
    standing = sorted((item for item in cautions if item.active), key=_urgency)
    apart = case.on_hold or any(HOLD_TEXT in _text(item) for item in standing)
    less_hope = _less_hope(held)
    return (
        _ask_first(standing),
        _changed(cautions, good_news, number, less_hope),
        _unheard(held[-LOOKED_BACK:], family, standing),
        _not_jointly(standing, apart, walls),
        _say(standing, case, apart, less_hope),
    )


def _urgency(concern: Concern) -> tuple[int, float, str, tuple[str, ...]]:
    """Return the order of standing concerns: the gravest, then the one that spoke last."""
    return (-concern.severity.rank, -concern.last_held_at.timestamp(), concern.rule, concern.subject)


def _ask_first(standing: Sequence[Concern]) -> Line:
    for concern in standing:
        rule, member = rules().get(concern.rule), _whom_to_ask(concern)
        if rule is not None and member is not None:
            return Line(
                "ask-first", (Sentence.ask_member, rule.title_of(concern.signal.route)), (member,), (rule.code,)
            )
    return Line("ask-first", (Sentence.ask_anybody,))


def _whom_to_ask(concern: Concern) -> str | None:
    """Return the member it is about; of two the one it hit, and where a side was taken the one on the other side."""
    if concern.rule == "side-taking":
        fell = concern.signal.values.get("bond_fell")
        return fell if isinstance(fell, str) else None
    return next((who for who in reversed(concern.subject) if who.startswith("member/")), None)


def _less_hope(held: Sequence[TherapySession]) -> tuple[str, ...]:
    """Return the members whose hope, as told for the last session, fell since the same person told it before."""
    found = []
    for member_id, now in sorted(held[-1].hope.items()) if held else ():
        told = (item.hope[member_id] for item in reversed(held[:-1]) if member_id in item.hope)
        before = next((reading for reading in told if reading.source == now.source), None)
        if before is not None and before.value - now.value >= LESS_HOPE:
            found.append(member_reference(member_id))
    return tuple(found)


def _changed(
    concerns: Sequence[Concern], good_news: Sequence[Concern], number: int, less_hope: tuple[str, ...]
) -> Line:
    """Return what the last held session opened and what it ended, whose hope fell, and what goes well."""
    new = [item for item in concerns if item.active and item.opened_number == number]
    over = [item for item in concerns if not item.active and item.ended == number]
    well = [item for item in good_news if item.active and item.opened_number == number]
    said = [Sentence.changed if new or over else Sentence.nothing_changed]
    hope = [Sentence.less_hope] if less_hope else []
    titles = sorted({rules()[item.rule].title_of(item.signal.route) for item in well})
    told = (*new, *over, *well)
    members = {who for item in told for who in item.subject if who.startswith("member/")} | {*less_hope}
    return Line(
        "changed",
        (*said, *hope, *titles),
        tuple(sorted(members)),
        tuple(sorted({item.rule for item in told})),
        {"opened": len(new), "ended": len(over)},
    )


def _unheard(latest: Sequence[TherapySession], family: Family, standing: Sequence[Concern]) -> Line:
    """Return the members of whom no form came in the latest sessions, and those an open alert says nobody heard.

    Whoever is awaited counts, unless it was decided to go on without their voice.
    """
    if not latest:
        return Line("no-voice", (Sentence.no_session,))
    heard = frozenset[str]().union(*(session.raters for session in latest))
    missed = (who for who, member in family.members.items() if member.awaited and member.voice is None)
    silent = tuple(member_reference(member_id) for member_id in sorted(missed) if member_id not in heard)
    left_out = {who for item in standing if item.rule == LEFT_OUT for who in item.subject if who.startswith("member/")}
    if left_out:
        return Line("no-voice", (Sentence.left_out,), tuple(sorted({*silent, *left_out})), (LEFT_OUT,))
    if silent:
        return Line("no-voice", (Sentence.no_form,), silent)
    return Line("no-voice", (Sentence.all_heard,))


def _not_jointly(standing: Sequence[Concern], apart: bool, walls: Sequence[tuple[str, str]]) -> Line:
    if apart:
        return Line("not-jointly", (HOLD_TEXT,))
    between = [item for item in standing if item.rule in APART]
    if walls:
        walled = sorted({member_reference(member_id) for wall in walls for member_id in wall})
        return Line("not-jointly", (WALL_TEXT,), tuple(walled), tuple(sorted({item.rule for item in between})))
    if between:
        members = {who for item in between for who in item.subject if who.startswith("member/")}
        return Line(
            "not-jointly",
            (Sentence.each_in_turn,),
            tuple(sorted(members)),
            tuple(sorted({item.rule for item in between})),
        )
    return Line("not-jointly", (Sentence.tell_nobody,))


def _text(concern: Concern) -> str:
    rule = rules().get(concern.rule)
    return rule.texts[concern.signal.route] if rule else ""


def _say(standing: Sequence[Concern], case: Circumstances, apart: bool, less_hope: tuple[str, ...]) -> Line:
    """Return the sentence that goes with the first step of the gravest concern, or with hope that fell."""
    for concern in standing:
        rule = rules().get(concern.rule)
        steps = offered(rule.code, rule.next_steps, case, apart) if rule else ()
        if steps:
            return Line("say", (SENTENCES[steps[0]],), rules=(concern.rule,))
    return Line("say", (SENTENCES["hope"],), less_hope) if less_hope else Line("say", (SENTENCES["check-in"],))
