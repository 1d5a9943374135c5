import pytest

from service.domain.circumstances import Circumstances
from service.domain.next_steps import NEXT_STEPS, offered
from service.domain.only_with import FOR_ALL, OF_THE_ROOM, WORDS, OnlyWith, only_with
from service.domain.rules import rules

FREE, HOLD, WALL = Circumstances(), Circumstances(on_hold=True), Circumstances(walled=True)
MEMBER, APART, FAMILY, SUPERVISOR = OnlyWith.member, OnlyWith.apart, OnlyWith.family, OnlyWith.supervisor

COMPANY: list[tuple[str, str, int, Circumstances, bool, OnlyWith]] = [
    # what one member rated is for that member
    ("trust-bond-loss", "check-in", 1, FREE, False, MEMBER),
    ("rising", "hope", 1, FREE, False, MEMBER),
    ("trust-bond-loss", "own-part", 1, HOLD, False, MEMBER),
    # what is between two of them for each
    ("hostility-to-member", "validation", 2, FREE, False, APART),
    # a step that asks everybody singles nobody out
    ("goal-misalignment", "collaborative-goals", 1, FREE, False, FAMILY),
    ("rising", "family-as-solution", 1, FREE, False, FAMILY),
    # what is said of the family as a whole is for all of it
    ("attendance", "check-in", 0, FREE, False, FAMILY),
    # unless they are to be kept apart: by the clinician, by a wall, or by the alert itself
    ("attendance", "check-in", 0, HOLD, False, APART),
    ("goal-misalignment", "collaborative-goals", 1, HOLD, False, APART),
    ("rising", "family-as-solution", 1, WALL, False, APART),
    ("safety-loss", "structure", 1, FREE, True, APART),
    # what was seen of the therapist may give away who saw it
    ("therapist-stance", "own-part", 0, FREE, False, SUPERVISOR),
    ("side-taking", "own-part", 1, HOLD, False, SUPERVISOR),
    # a member is named, and others are asked
    ("side-taking", "transparency", 1, FREE, False, FAMILY),
    ("side-taking", "transparency", 1, HOLD, False, APART),
    ("member-excluded", "outside-support", 1, FREE, False, FAMILY),
]


@pytest.mark.parametrize(("rule", "step", "members", "case", "apart", "company"), COMPANY)
def test_with_whom(rule: str, step: str, members: int, case: Circumstances, apart: bool, company: OnlyWith) -> None:
    assert only_with(rule, step, members, case, apart) is company


@pytest.mark.parametrize("code", sorted(rules()))
@pytest.mark.parametrize("case", [HOLD, WALL], ids=["hold", "wall"])
@pytest.mark.parametrize("members", [0, 1, 2])
def test_nothing_is_taken_up_jointly_where_members_are_kept_apart(code: str, case: Circumstances, members: int) -> None:
    for step in offered(code, rules()[code].next_steps, case):
        assert only_with(code, step, members, case, apart=False) is not FAMILY


def test_the_words_are_there() -> None:
    assert WORDS.keys() == set(OnlyWith)
    assert set(NEXT_STEPS) >= FOR_ALL
    assert set(rules()) >= OF_THE_ROOM
