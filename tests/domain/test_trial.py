import pytest

from service.domain.commands import Document
from service.domain.errors import InvalidParameters
from service.domain.rulebook import EMPTY, Mode, Rulebook, mode_in
from service.domain.trial import checked_trial, tried
from tests.factories import NOW, rule_setting

LOSS, DROP = "trust-bond-loss", "sudden-drop"
SENT: dict[str, Document] = {
    DROP: {"mode": Mode.off, "parameters": {}},
    LOSS: {"mode": None, "parameters": {"bond_below": 70}},
}
KEPT = {
    "program": None,
    "rules": {DROP: {"mode": "off", "parameters": {}}, LOSS: {"mode": None, "parameters": {"bond_below": 70.0}}},
}


def test_what_is_tried_is_kept_in_one_form() -> None:
    assert checked_trial(EMPTY, None, SENT, NOW) == KEPT
    assert list(checked_trial(EMPTY, None, {code: SENT[code] for code in (LOSS, DROP)}, NOW)["rules"]) == [DROP, LOSS]
    assert checked_trial(EMPTY, "trauma", SENT, NOW) == {**KEPT, "program": "trauma"}


def test_every_fault_is_told_within_its_rule() -> None:
    sent: dict[str, Document] = {
        "no-rule": {"mode": None, "parameters": {}},
        DROP: {"mode": None, "parameters": {"nothing": 1}},
        LOSS: {"mode": None, "parameters": {"bond_below": "much", "z_warning": 4}},
    }
    with pytest.raises(InvalidParameters) as invalid:
        checked_trial(EMPTY, None, sent, NOW)
    assert [(fault.pointer, fault.code) for fault in invalid.value.faults] == [
        ("/rules/no-rule", "unknown-value"),
        (f"/rules/{DROP}/parameters/nothing", "unknown-field"),
        (f"/rules/{LOSS}/parameters/z_warning", "out-of-range"),
        (f"/rules/{LOSS}/parameters/bond_below", "not-a-number"),
    ]


def test_what_makes_no_sense_beside_what_was_set_before() -> None:
    book = Rulebook((rule_setting(1, program="trauma", z_critical=-2.6),))
    sent: dict[str, Document] = {LOSS: {"mode": None, "parameters": {"z_warning": -3.0}}}
    with pytest.raises(InvalidParameters) as invalid:
        checked_trial(book, None, sent, NOW)
    assert [fault.pointer for fault in invalid.value.faults] == [f"/rules/{LOSS}/parameters/z_warning"]
    assert checked_trial(EMPTY, None, sent, NOW)["rules"][LOSS]["parameters"] == {"z_warning": -3.0}


def test_it_judges_as_if_it_had_been_put_last() -> None:
    given = tried(EMPTY, KEPT, NOW).given(None)
    assert given.parameters[LOSS].bond_below == 70.0
    assert (mode_in(given, DROP), mode_in(given, LOSS)) == (Mode.off, Mode.on)
    assert given.parameters[LOSS].z_warning == EMPTY.given(None).parameters[LOSS].z_warning


def test_what_was_set_before_is_replaced_rule_by_rule() -> None:
    book = Rulebook((rule_setting(1, bond_below=60.0), rule_setting(2, program="trauma", bond_below=50.0)))
    trial = tried(book, KEPT, NOW)
    assert trial.settings[:2] == book.settings
    assert [(item.number, item.rule, item.version) for item in trial.settings[2:]] == [(3, DROP, 1), (4, LOSS, 2)]
    assert trial.given(None).parameters[LOSS].bond_below == 70.0
    assert trial.given("trauma").parameters[LOSS].bond_below == 50.0  # the program's own goes before
    only = tried(book, {**KEPT, "program": "trauma"}, NOW)
    assert only.given("trauma").parameters[LOSS].bond_below == 70.0
    assert only.given(None).parameters[LOSS].bond_below == 60.0
