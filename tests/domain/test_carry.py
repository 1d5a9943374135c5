"""What a carry depends on beside the sessions."""

from dataclasses import replace

import pytest

from service.domain import carry as carry_module
from service.domain.carry import Given, default_parameters, folded_with
from service.domain.model import Family, Member, MemberRole, Period
from service.domain.noted import Noted
from service.domain.rules import rules
from service.domain.rules.sudden_drop import Parameters
from tests.factories import family


def test_every_rule_has_parameters_of_its_own() -> None:
    assert default_parameters() == Given({code: rule.parameters for code, rule in rules().items()})


def test_the_name_of_what_it_was_folded_with_is_the_same_for_the_same() -> None:
    assert folded_with(family(), default_parameters()) == folded_with(family(), default_parameters())
    assert len(folded_with(family(), default_parameters())) == 64


@pytest.mark.parametrize(
    "other",
    [
        family("eva", "ana"),
        family("eva", "tom", "ana", roles={"ana": MemberRole.child}),
        family(subsystems={"elders": ("eva",)}),
        family(modality="couple"),
        family(program="trauma"),
        family(periods=[Period("2026-01-01", "2026-02-01", "completed")]),
        replace(family(), checklist={"nobody-blamed": Noted("open")}),
        replace(family(), members={**family().members, "ana": Member(MemberRole.youth, voice=Noted("goes-without"))}),
    ],
)
def test_another_family_is_another_name(other: Family) -> None:
    assert folded_with(other, default_parameters()) != folded_with(family(), default_parameters())


def test_what_rules_are_given_otherwise_is_another_name() -> None:
    own = default_parameters().parameters
    given = [
        Given(own),
        Given({**own, "sudden-drop": Parameters(median_of=4)}),
        Given(own, shadow=frozenset({"sudden-drop"})),
        Given(own, off=frozenset({"sudden-drop"})),
    ]
    assert len({folded_with(family(), each) for each in given}) == 4
    assert folded_with(family(), given[0]) == folded_with(family(), default_parameters())


def test_another_version_of_a_rule_or_of_the_fold_is_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    now = folded_with(family(), default_parameters())
    newer = {**rules(), "early-low": replace(rules()["early-low"], version=2)}
    fewer = {code: rule for code, rule in rules().items() if code != "early-low"}
    names = {now}
    for known in (newer, fewer):
        with monkeypatch.context() as patch:
            patch.setattr(carry_module, "rules", lambda known=known: known)
            names.add(folded_with(family(), Given(default_parameters().parameters)))
    monkeypatch.setattr(carry_module, "FOLD_VERSION", carry_module.FOLD_VERSION + 1)
    names.add(folded_with(family(), default_parameters()))
    assert len(names) == 4
