"""Wishes: what they come to, what they may not be, and when they change nothing."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from service.domain.amending import Wish, amended
from service.domain.commands import Refusal
from service.domain.errors import InvalidParameters
from service.domain.rulebook import EMPTY, Mode, Rulebook, Setting
from tests.factories import KEY, NOW, rule_setting

LATER = NOW + timedelta(hours=1)
LOSS = "trust-bond-loss"


def wish(program: str | None = None, mode: str | None = None, if_match: int | None = None, **parameters: Any) -> Wish:
    return Wish(
        rule=LOSS,
        program=program,
        mode=None if mode is None else Mode(mode),
        parameters=parameters,
        key_id=KEY,
        at=LATER,
        if_match=if_match,
    )


def setting(book: Rulebook, wanted: Wish) -> Setting:
    found = amended(book, wanted)
    assert isinstance(found, Setting)
    return found


def test_the_first_setting_is_version_one_of_its_place() -> None:
    assert setting(EMPTY, wish(mode="shadow", bond_below=70)) == replace(
        rule_setting(1, mode="shadow", bond_below=70.0, at=LATER), version=1
    )


def test_every_other_wish_is_a_new_version_and_numbers_go_on() -> None:
    book = Rulebook((rule_setting(7, bond_below=70.0), rule_setting(8, program="trauma")))
    assert (setting(book, wish(bond_below=71)).number, setting(book, wish(bond_below=71)).version) == (9, 2)
    assert setting(book, wish("grief", bond_below=71)).version == 1
    assert setting(book, wish()).parameters == {}  # all is left open again
    assert setting(book, wish(bond_below=70, mode="on")).mode is Mode.on


@pytest.mark.parametrize("if_match", [None, 1, 5])
def test_what_is_so_already_changes_nothing_even_with_a_stale_version(if_match: int | None) -> None:
    book = Rulebook((rule_setting(1, bond_below=70.0),))
    assert amended(book, wish(bond_below=70, if_match=if_match)) is None
    assert amended(EMPTY, wish(if_match=if_match)) is None


@pytest.mark.parametrize(("if_match", "taken"), [(None, True), (1, True), (0, False), (2, False), (-1, False)])
def test_the_version_that_was_seen(if_match: int | None, taken: bool) -> None:
    book = Rulebook((rule_setting(1, bond_below=70.0),))
    found = amended(book, wish(bond_below=71, if_match=if_match))
    assert isinstance(found, Setting) if taken else found == Refusal("precondition-failed", extra={"version": 1})


def test_the_order_of_settings_is_that_of_their_times_whatever_clocks_say() -> None:
    ahead = NOW + timedelta(days=1)
    assert setting(Rulebook((rule_setting(1, at=ahead),)), wish(bond_below=70)).at == ahead


@pytest.mark.parametrize(
    ("book", "wanted", "pointer"),
    [
        ((), wish(z_warning=-4), "/parameters/z_warning"),  # critical is −3.5
        ((), wish(z_critical=-2), "/parameters/z_critical"),
        ((rule_setting(1, z_critical=-5.0),), wish("trauma", z_warning=-6), "/parameters/z_warning"),
        ((rule_setting(1, program="trauma", z_critical=-3.0),), wish(z_warning=-3.2), "/parameters/z_warning"),
    ],
)
def test_what_makes_no_sense_with_what_is_set_elsewhere(book: tuple[Setting, ...], wanted: Wish, pointer: str) -> None:
    with pytest.raises(InvalidParameters) as refused:
        amended(Rulebook(book), wanted)
    assert [(item.pointer, item.code) for item in refused.value.faults] == [(pointer, "out-of-order")]


@pytest.mark.parametrize(
    ("book", "wanted"),
    [
        ((), wish(z_warning=-4, z_critical=-4)),
        ((rule_setting(1, z_critical=-5.0),), wish("trauma", z_warning=-4)),
        ((rule_setting(1, program="trauma", z_critical=-3.0),), wish("grief", z_warning=-3.2)),
        ((rule_setting(1, "early-low", program="trauma", needed=1),), wish(z_warning=-3.2)),
    ],
)
def test_what_makes_sense_together(book: tuple[Setting, ...], wanted: Wish) -> None:
    assert isinstance(amended(Rulebook(book), wanted), Setting)


def test_parameters_are_looked_at_first() -> None:
    with pytest.raises(InvalidParameters) as refused:
        amended(EMPTY, wish(z=1, bond_below="low", if_match=9))
    assert [item.pointer for item in refused.value.faults] == ["/parameters/z", "/parameters/bond_below"]
