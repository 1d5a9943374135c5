from datetime import timedelta
from typing import Any

import pytest

from service.domain.commands import Refusal
from service.domain.errors import InvalidReferences
from service.domain.references import OwnReference
from service.domain.referencing import ReferenceWish, referenced
from service.domain.rulebook import EMPTY, ReferenceSetting, Rulebook
from tests.factories import KEY, NOW, own_reference, reference_setting, rule_setting

ONE, OTHER = own_reference(), own_reference("bond")
BOOK = Rulebook((rule_setting(1), rule_setting(3)), (reference_setting(2, ONE, at=NOW),))


def wish(*references: OwnReference, **facts: Any) -> ReferenceWish:
    return ReferenceWish(
        **{"instrument": "srs", "references": references, "key_id": KEY, "at": NOW + timedelta(days=1), **facts}
    )


def test_the_first_of_all() -> None:
    assert referenced(EMPTY, wish(ONE)) == reference_setting(1, ONE, at=NOW + timedelta(days=1))


@pytest.mark.parametrize(
    ("book", "given"),
    [(BOOK, wish(ONE)), (BOOK, wish(ONE, if_match=0)), (EMPTY, wish()), (BOOK, wish(instrument="wai_sr"))],
    ids=["the same", "the same, seen long ago", "nothing of nothing", "nothing of another form"],
)
def test_what_is_so_already_is_no_new_version(book: Rulebook, given: ReferenceWish) -> None:
    assert referenced(book, given) is None


def test_it_takes_the_place_of_the_one_before() -> None:
    found = referenced(BOOK, wish(OTHER, ONE, if_match=1))
    assert isinstance(found, ReferenceSetting)
    assert (found.number, found.version, found.references) == (4, 2, (OTHER, ONE))  # in the order of their targets
    nothing = referenced(BOOK, wish())
    assert isinstance(nothing, ReferenceSetting)
    assert (nothing.version, nothing.references) == (2, ())


def test_each_form_has_versions_of_its_own() -> None:
    found = referenced(BOOK, wish(ONE, instrument="wai_sr", if_match=0))
    assert isinstance(found, ReferenceSetting)
    assert (found.number, found.version) == (4, 1)


def test_another_version_by_now_is_refused() -> None:
    assert referenced(BOOK, wish(OTHER, if_match=0)) == Refusal("precondition-failed", extra={"version": 1})


def test_clocks_differ_but_the_order_of_settings_does_not() -> None:
    found = referenced(BOOK, wish(OTHER, at=NOW - timedelta(hours=1)))
    assert isinstance(found, ReferenceSetting)
    assert found.at == NOW


def test_what_does_not_fit_is_refused_before_anything_else() -> None:
    with pytest.raises(InvalidReferences):
        referenced(BOOK, wish(own_reference("no-such"), if_match=0))
