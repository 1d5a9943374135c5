"""What a clinician might try next: codes that rules name, with a short sentence each. Offers, never orders."""

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

HELD_BACK = frozenset({"neutrality", "equidistance", "strongest-alliance", "circular-question"})
"""Steps that bring members together; on safety hold they are not offered."""

HOLD_TEXT = "Do not raise this with the members together. See them apart and follow your safety procedure."

NOTICE = (
    "Evenkeel does not screen for violence, abuse or suicide risk, and it never replaces or delays a report that "
    "somebody must make. Signals may be late or absent. No alert never means that a family is safe."
)
