from service.domain.model import Severity
from service.domain.notices import LOCK_SCREEN, NOTICE
from service.domain.rules import rules


def test_the_notice_says_what_this_is_not() -> None:
    for words in ("does not screen", "never replaces or delays a report", "late or absent", "never means"):
        assert words in NOTICE


def test_a_lock_screen_tells_nothing() -> None:
    words = set(LOCK_SCREEN.lower().rstrip(".").split())
    told = {word for rule in rules().values() for word in rule.title.lower().split()} | {*Severity}
    assert words & told <= {"is", "in"}
    assert not words & {"alert", "family", "client", "patient", "member", "therapy", "session", "case", "urgent"}
