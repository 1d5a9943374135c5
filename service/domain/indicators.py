"""The kinds of observed behaviour that a session may record; everything else is refused.

Names follow the Rupture Resolution Rating System (3RS) and SOFTA-o where those have a name for it. Allegations are
no kind of indicator: they belong into the EHR.
"""

NEGATIVE_KINDS = frozenset(
    {
        "hostility",
        "sarcasm",
        "complaint",
        "blame",
        "negativity",
        "passive-aggression",
        "withdrawal",
        "minimal-response",
        "appeasing",
        "denial",
        "rejects",
        "task-refusal",
        "disagreement-goals",
        "disagreement-tasks",
        "disagreement-attendance",
        "distrust",
        "guardedness",
        "side-taking",
        "judging",
        "rushing",
        "detached",
        "rigid",
        "blaming",
        "uninterested",
        "cedes-control",
        "over-reliance",
    }
)
POSITIVE_KINDS = frozenset({"engages", "connects", "opens-up", "shared-purpose", "compromise"})
KINDS = NEGATIVE_KINDS | POSITIVE_KINDS
