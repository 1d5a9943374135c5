from typing import Any

import pytest

from service.domain.circumstances import Circumstances, circumstances_of
from tests.factories import case_facts

HELPER = {"role": "extended", "supporter": True}


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({}, Circumstances()),
        ({"safety_hold": True}, Circumstances(on_hold=True)),
        ({"mandated": True}, Circumstances(mandated=True)),
        ({"walls": [["eva", "tom"]]}, Circumstances(walled=True)),
        ({"members": {"eva": "parent", "bea": HELPER}}, Circumstances(supported=True)),
        ({"members": {"bea": {**HELPER, "active": False}}}, Circumstances()),
        ({"members": {"eva": "parent"}}, Circumstances()),
    ],
)
def test_what_the_facts_of_a_case_say(facts: dict[str, Any], found: Circumstances) -> None:
    assert circumstances_of(case_facts(**facts)) == found
