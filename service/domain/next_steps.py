"""What a clinician might try next: codes that rules name, what each means, what one could say. Offers, no orders."""

from collections.abc import Iterable

from service.domain.circumstances import Circumstances

NEXT_STEPS = {
    "neutrality": "Give each side the same room and the same interest.",
    "equidistance": "Ask each person in turn, so that nobody's view stands for all.",
    "strongest-alliance": "Let the member you are closest to help you reach the others.",
    "circular-question": "Ask one member how another might have felt about the last session.",
    "reframing": "Offer a kinder reading of what happened that everybody could share.",
    "collaborative-goals": "Look together for one goal that everybody can say yes to.",
    "motivational": "Ask what speaks for a change and what against it, and hear both.",
    "active-listening": "Slow down, and say back what you heard before going on.",
    "validation": "Say that the feeling makes sense before you ask about it.",
    "transparency": "Say what you are doing and why.",
    "set-expectations": "Say what therapy can and cannot do, and how long it may take.",
    "own-part": "Name your own part in what happened, if you see one.",
    "check-in": "Ask how the work together has been, and listen to the answer.",
    "adjust-course": "Change the plan a little, and ask whether it fits better.",
    "structure": "Agree on turns, time and rules before the next hard topic.",
    "client-pace": "Go at the pace of the person who is slowest today.",
    "outside-support": "Ask who outside the room could help.",
    "family-as-solution": "Ask what the family has already done that helped.",
    "hope": "Name something that has become better, however small.",
    "culture-fit": "Ask how this would be seen at home, in their family and their culture.",
    "talk-about-alliance": "Talk about the work together itself, at a calm moment.",
}

SENTENCES = {
    "neutrality": "I want to hear each of you on this, and take my time with each.",
    "equidistance": "Let us go round, so that I hear from everyone.",
    "strongest-alliance": "What do you think would help the others to feel heard here?",
    "circular-question": "What do you think the last session was like for somebody else in this room?",
    "reframing": "I wonder whether there was a good wish behind that.",
    "collaborative-goals": "What is one thing that all of you would like to be different?",
    "motivational": "What would be good about trying this, and what would not?",
    "active-listening": "Let me say what I heard, and tell me where I am wrong.",
    "validation": "It makes sense to me that you feel that way.",
    "transparency": "Let me say what I am doing here, and why.",
    "set-expectations": "Let us look at what we can do here, and how long it may take.",
    "own-part": "I think I may have missed something last time, and I would like to understand it.",
    "check-in": "How has our work together been for you lately?",
    "adjust-course": "What should we do differently from now on?",
    "structure": "Shall we agree on how we talk about this before we begin?",
    "client-pace": "Are we going too fast for anybody?",
    "outside-support": "Who outside this room could be of help?",
    "family-as-solution": "What have you done yourselves that helped, even a little?",
    "hope": "What has become better, however small it is?",
    "culture-fit": "How would people who matter to you see what we do here?",
    "talk-about-alliance": "I would like us to talk about how we work together.",
}
"""For each step one sentence that a therapist could say; it tells nobody what somebody else answered."""

MANDATED_WORDS = {"transparency": "Say what you are doing and why, and what is told to whom outside."}
SUPPORTED_WORDS = {"outside-support": "Ask whether their supporter outside the room could help."}
"""What a step says where treatment was required, and where somebody is known to help from outside."""

HELD_BACK = frozenset({"neutrality", "equidistance", "strongest-alliance", "circular-question"})
"""Steps that bring members together; on safety hold they are not offered."""

JOINT = HELD_BACK | {"reframing", "collaborative-goals", "structure"}
"""Steps that ask members for something together; across a wall none of them is offered."""

MANDATED_FIRST = ("transparency", "motivational")
TAKING_PART = frozenset(
    {"attendance", "dropout-risk", "engagement-steps", "noncompliance", "passive-negativity", "resistance-to-change"}
)
"""Rules that speak of taking part. Who was told to come did not choose to, so these steps come first then (ours)."""

HOLD_TEXT = "Do not raise this with the members together. See them apart and follow your safety procedure."
WALL_TEXT = "Some members must not know of each other's times. Take this up with each of them apart."


def offered(rule: str, steps: Iterable[str], case: Circumstances, apart: bool = False) -> tuple[str, ...]:
    """Return what may be tried next about an alert; `apart`: its own text says to see the members apart."""
    kept_back = JOINT if case.walled else HELD_BACK if case.on_hold or apart else frozenset[str]()
    first = MANDATED_FIRST if case.mandated and rule in TAKING_PART else ()
    return tuple(step for step in dict.fromkeys((*first, *steps)) if step not in kept_back)


def words_of(step: str, case: Circumstances) -> str:
    """Return what a step says in a case."""
    words = {**(MANDATED_WORDS if case.mandated else {}), **(SUPPORTED_WORDS if case.supported else {})}
    return words.get(step, NEXT_STEPS[step])


def minded(case: Circumstances, *said: str) -> tuple[str, ...]:
    """Return what is said of an alert, and what has to be minded in a case; a safety hold says more than a wall."""
    if any(HOLD_TEXT in text for text in said):
        return said
    return (*said, HOLD_TEXT) if case.on_hold else (*said, WALL_TEXT) if case.walled else said
