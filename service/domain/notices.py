"""What is true of every alert, whatever it says: sentences that go with all of them."""

NOTICE = (
    "Evenkeel does not screen for violence, abuse or suicide risk, and it never replaces or delays a report that "
    "somebody must make. Signals may be late or absent. No alert never means that a family is safe."
)

LOCK_SCREEN = "There is something new in Evenkeel."
"""For a screen that anybody may see: it says nothing of whom, of what, or how grave."""

SEVERAL = "There are {count} new things in Evenkeel."
"""The same of several at once."""

WHY_MAIL = "This message comes because an organization uses Evenkeel. It tells nothing, so that anybody may see it."
"""Under a mail."""
