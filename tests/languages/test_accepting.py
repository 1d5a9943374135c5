import pytest

from service.languages.accepting import LONGEST, accepted


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("", "en"),
        ("*", "en"),
        ("de", "de"),
        ("DE", "de"),
        ("de-CH", "de"),
        ("es-419, es;q=0.9", "es"),
        ("de-Latn-DE-1996", "de"),
        ("fr", "en"),  # which we have not
        ("fr, nl;q=0.2, en;q=0.1", "nl"),
        ("en;q=0.5, de;q=0.8", "de"),
        ("de, nl", "de"),  # equally wanted: the first
        ("de;q=0", "en"),
        ("en;q=0, nb;q=0.001", "nb"),
        ("nb-NO,nb;q=0.9,no;q=0.8,nn;q=0.7,en-US;q=0.6,en;q=0.5", "nb"),  # as browsers in Norway send it
        ("no", "nb"),
        ("nn-NO, en;q=0.9", "nb"),
        ("  nl ; q=0.7 ,, de ; Q=1.000", "de"),
        ("*, de;q=0.5", "de"),
    ],
)
def test_which_language_is_wanted_most(header: str, code: str) -> None:
    assert accepted(header).code == code


@pytest.mark.parametrize("part", ["nl;q=1.5", "nl;q=-1", "nl;q=0.1234", "nl;q=", "nl q=1", "nl;level=1", "nl_NL", "ñl"])
def test_what_is_no_range_is_passed_over(part: str) -> None:
    assert accepted(f"{part}, de;q=0.1").code == "de"
    assert accepted(part).code == "en"


def test_only_so_much_is_looked_at() -> None:
    assert accepted("x," * (LONGEST // 2) + "de").code == "en"
    assert accepted("x," * (LONGEST // 4) + "de").code == "de"
