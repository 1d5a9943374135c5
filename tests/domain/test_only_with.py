import pytest

from service.domain.circumstances import Circumstances
from service.domain.next_steps import NEXT_STEPS, offered
from service.domain.only_with import FOR_ALL, OF_THE_THERAPIST, WORDS, OnlyWith, only_with
from service.domain.rules import rules

FREE, HOLD, WALL = Circumstances(), Circumstances(on_hold=True), Circumstances(walled=True)
MEMBER, FAMILY, SUPERVISOR = OnlyWith.member, OnlyWith.family, OnlyWith.supervisor

COMPANY: list[tuple[str, str, bool, Circumstances, bool, OnlyWith]] = [
    # what one member rated is for that member
    ("trust-bond-loss", "check-in", True, FREE, False, MEMBER),
    ("rising", "hope", True, FREE, False, MEMBER),
    # a step that asks everybody singles nobody out
    ("goal-misalignment", "collaborative-goals", True, FREE, False, FAMILY),
    ("rising", "family-as-solution", True, FREE, False, FAMILY),
    # what is said of the family as a whole is for all of it
    ("attendance", "check-in", False, FREE, False, FAMILY),
    # unless they are to be kept apart: by the clinician, by a wall, or by the alert itself
    ("attendance", "check-in", False, HOLD, False, MEMBER),
    ("goal-misalignment", "collaborative-goals", True, HOLD, False, MEMBER),
    ("rising", "family-as-solution", True, WALL, False, MEMBER),
    ("safety-loss", "structure", True, FREE, True, MEMBER),
    # what was seen of the therapist may give away who saw it
    ("therapist-stance", "own-part", False, FREE, False, SUPERVISOR),
    ("side-taking", "own-part", True, HOLD, False, SUPERVISOR),
    ("trust-bond-loss", "own-part", True, FREE, False, MEMBER),
    ("side-taking", "equidistance", True, FREE, False, FAMILY),
]


@pytest.mark.parametrize(("rule", "step", "of_members", "case", "apart", "company"), COMPANY)
def test_with_whom(rule: str, step: str, of_members: bool, case: Circumstances, apart: bool, company: OnlyWith) -> None:
    assert only_with(rule, step, of_members, case, apart) is company


@pytest.mark.parametrize("code", sorted(rules()))
@pytest.mark.parametrize("case", [HOLD, WALL], ids=["hold", "wall"])
@pytest.mark.parametrize("of_members", [True, False])
def test_nothing_is_taken_up_jointly_where_members_are_kept_apart(
    code: str, case: Circumstances, of_members: bool
) -> None:
    for step in offered(code, rules()[code].next_steps, case):
        assert only_with(code, step, of_members, case, apart=False) is not FAMILY


def test_the_words_are_there() -> None:
    assert WORDS.keys() == set(OnlyWith)
    assert set(NEXT_STEPS) >= FOR_ALL
    assert set(rules()) >= OF_THE_THERAPIST
