"""What the rules make of each kind of form: Likert marks without a cut-off, no bond, children's, other raters'."""

from collections.abc import Sequence

import pytest

from service.domain.concern import Concern
from service.domain.instruments import Instrument, instruments
from service.domain.model import RaterKind, TherapySession
from tests.domain.rules.walking import walk
from tests.factories import family, indicator, rating, therapy_session

EVA_AND_ANA = family("eva", "ana")
FORMS = [form for form in instruments().values() if form.primary and form.context == "alliance"]
MEMBERS = [form.code for form in FORMS if RaterKind.member in form.rater_kinds]
OTHERS = [form.code for form in FORMS if RaterKind.member not in form.rater_kinds]
BONDS, NO_BOND = "ctas_sf ftas_sf itas_sf".split(), "haq_ii tasc_r sai".split()
GOOD, FALLEN = [90.0] * 4, 20.0


def opened(sessions: Sequence[TherapySession]) -> dict[str, Concern]:
    """Return the last state of every concern of a course by its rule; one concern for each."""
    concerns = {item.identity: item for step in walk(sessions, EVA_AND_ANA) for item in step.concerns}
    found = {item.rule: item for item in concerns.values()}
    assert len(found) == len(concerns)
    return found


def fall_of(code: str, rater: str = "ana", about: str = "therapist", **fallen: float) -> list[TherapySession]:
    """Return a course of a good form that falls in its fifth session: as a whole, or in the dimensions named."""
    good = [rating(rater, total, instrument=code, about=about) for total in GOOD]
    last = rating(rater, GOOD[-1] if fallen else FALLEN, instrument=code, about=about, dimensions={**fallen})
    return [therapy_session(number, each) for number, each in enumerate([*good, last], start=1)]


def test_the_list_is_of_every_form_with_a_total() -> None:
    assert {*BONDS, *NO_BOND} <= {*MEMBERS}
    assert OTHERS == ["vtas_r_sf", "wai_sr_t"]


@pytest.mark.parametrize("code", MEMBERS)
@pytest.mark.parametrize(("less", "low"), [(0.1, True), (0.0, False)])
def test_a_low_start_is_below_the_cut_off_or_the_low_mark(code: str, less: float, low: bool) -> None:
    form = instruments()[code]
    session = therapy_session(1, rating("ana", _mark(form) - less, instrument=code))
    assert ("absolute-low" in opened([session])) is low


def _mark(form: Instrument) -> float:
    """Return where a form's total begins to be low, in percent: 36 of 40, or the middle of a Likert scale."""
    return 90.0 if form.cutoffs else form.dimensions["total"].low_mark


@pytest.mark.parametrize("code", [*BONDS, *NO_BOND, *OTHERS])
def test_the_low_mark_of_a_likert_scale_is_its_middle(code: str) -> None:
    assert _mark(instruments()[code]) == 50


@pytest.mark.parametrize("code", NO_BOND)
def test_a_total_never_stands_for_a_bond(code: str) -> None:
    found = opened(fall_of(code))
    assert "sudden-drop" in found
    assert found.keys().isdisjoint({"trust-bond-loss", "bond-asymmetry", "goal-misalignment"})


@pytest.mark.parametrize("code", BONDS)
def test_bond_and_goals_are_heard_by_themselves(code: str) -> None:
    bond = opened(fall_of(code, bond=FALLEN))["trust-bond-loss"]
    assert bond.signal.series == f"member/ana|{code}|post|therapist|bond"
    goals = opened(fall_of(code, goals=FALLEN))["goal-misalignment"]
    assert (goals.signal.route, goals.severity) == ("own-level", "warning")


@pytest.mark.parametrize("code", ["ctas_sf", "ftas_sf", "itas_sf"])
def test_falling_within_counts_for_hostility_between_members(code: str) -> None:
    quiet = fall_of(code, within=FALLEN)
    seen = (indicator("blame", "eva", "ana", 1),)
    *before, last = quiet
    hostile = therapy_session(5, *last.ratings, indicators=seen, indicators_observed=True)
    assert opened(quiet) == {}
    assert "hostility-to-member" in opened([*before, hostile])


@pytest.mark.parametrize(
    ("code", "rater"), [("wai_sr_t", "dr-7"), ("haq_ii", "dr-7"), ("tasc_r", "dr-7"), ("vtas_r_sf", "o1")]
)
@pytest.mark.parametrize("about", ["member/ana", "family"])
def test_what_others_rate_opens_nothing_alone(code: str, rater: str, about: str) -> None:
    assert opened(fall_of(code, rater, about)) == {}


@pytest.mark.parametrize("code", ["wai_sr_t", "haq_ii", "tasc_r"])
def test_a_therapists_form_agrees_with_a_members_own_drop(code: str) -> None:
    theirs = fall_of(code, "dr-7", "member/ana")
    both = [
        therapy_session(number, *own.ratings, *others.ratings)
        for number, (own, others) in enumerate(zip(fall_of("haq_ii"), theirs, strict=True), start=1)
    ]
    assert opened(fall_of("haq_ii"))["sudden-drop"].signal.route == "default"
    assert opened(both)["sudden-drop"].signal.route == "agreed"


@pytest.mark.parametrize(
    ("code", "split"),
    [("ctas_sf", True), ("ftas_sf", True), ("haq_ii", True), ("sai", True), ("tasc_r", False)],  # a child's: no pole
)
def test_who_may_be_a_pole(code: str, split: bool) -> None:
    steady = [
        therapy_session(number, rating("eva", 90, instrument=code), rating("ana", 40, instrument=code))
        for number in range(1, 5)
    ]
    assert ("split-alliance" in opened(steady)) is split


@pytest.mark.parametrize("strain", [[0, 0, 0, 0, 5], [0, 0, 0, 0, 1], [5, 5, 5, 5, 5], [0] * 8])
def test_a_report_of_strain_is_no_fall_from_perfect(strain: list[float]) -> None:
    told = [
        therapy_session(
            number, *(rating(who, instrument="strain", answers={"strain": mark}) for who in ("ana", "dr-7"))
        )
        for number, mark in enumerate(strain, start=1)
    ]
    reported = {"strain-report"} if max(strain) >= 3 else set()
    assert set(opened(told)) == reported
