from typing import Any

import pytest

from service.domain.handling import DismissalReason
from service.domain.rule_health import RuleHealth


def health(useful: int = 0, **dismissed: int) -> RuleHealth:
    counts: dict[str, Any] = dict.fromkeys(("fired", "standing", "retracted", "acknowledged", "repaired"), 0)
    told = {DismissalReason(name.replace("_", "-")): count for name, count in dismissed.items()}
    return RuleHealth(rule="sudden-drop", rule_version=1, shadow=False, **counts, dismissed=told, useful=useful)


@pytest.mark.parametrize(
    ("found", "judged", "share", "wants_retuning"),
    [
        (health(), 0, None, False),
        (health(useful=3), 3, 1.0, False),
        (health(useful=3, already_addressed=3), 3, 1.0, False),  # those are among the useful ones
        (health(useful=1, not_clinically_relevant=1, data_error=1, duplicate=1), 4, 0.25, False),
        (health(useful=5, not_clinically_relevant=24), 29, 5 / 29, False),  # one fewer than enough
        (health(useful=5, not_clinically_relevant=25), 30, 5 / 30, True),
        (health(useful=6, not_clinically_relevant=24), 30, 0.2, False),  # a fifth is not under a fifth
        (health(useful=0, duplicate=30), 30, 0.0, True),
    ],
)
def test_what_was_of_use(found: RuleHealth, judged: int, share: float | None, wants_retuning: bool) -> None:
    assert (found.judged, found.useful_share, found.wants_retuning) == (judged, share, wants_retuning)
