"""What holds for every instrument; each one's own numbers stand in its twin."""

import pytest

from service.domain.instruments import Ages, Cutoff, Fact, Reference, instruments, items, numbered
from service.domain.noted import AgeBand

CODES = "btg core4 csrs ctas_sf ftas_sf gsrs haq_ii itas_sf ors sai softa_o softa_s srs strain".split()
CODES += "tasc_r vtas_r_sf wai_36 wai_s wai_sr wai_sr_t".split()
PARTS = ("primary", "bond", "goals", "tasks", "safety", "within")


def test_discovery_finds_every_file() -> None:
    assert list(instruments()) == CODES


@pytest.mark.parametrize("code", CODES)
def test_names_only_what_it_has(code: str) -> None:
    instrument = instruments()[code]
    assert instrument.code == code
    assert instrument.minimum < instrument.maximum
    assert len(set(instrument.items)) == len(instrument.items)
    assert instrument.reversed_items <= set(instrument.items)
    assert {item for unit in instrument.dimensions.values() for item in unit.items} == set(instrument.items)
    assert {cutoff.dimension for cutoff in instrument.cutoffs} <= set(instrument.dimensions)
    parts = {instrument.dimension_of(part) for part in PARTS} - {None}
    assert parts | {*(instrument.couple or ())} <= set(instrument.dimensions)
    assert instrument.rater_kinds


@pytest.mark.parametrize("code", CODES)
def test_subscales_share_no_item_and_the_total_has_them_all(code: str) -> None:
    units = instruments()[code].dimensions
    subscales = [item for name, unit in units.items() if name != "total" for item in unit.items]
    assert len(set(subscales)) == len(subscales)
    if "total" in units and len(units) > 1:
        assert sorted(units["total"].items) == sorted(subscales)


@pytest.mark.parametrize("code", CODES)
def test_a_form_without_a_known_key_takes_means(code: str) -> None:
    instrument = instruments()[code]
    if instrument.scores_only:
        assert not instrument.key.verified
        assert {unit.raw for unit in instrument.dimensions.values()} == {"mean"}
        assert "Scores only" in instrument.notes
    else:
        assert all(unit.items for unit in instrument.dimensions.values())


@pytest.mark.parametrize("code", CODES)
def test_says_where_its_facts_come_from(code: str) -> None:
    instrument = instruments()[code]
    facts = [instrument.key, *(cutoff.fact for cutoff in instrument.cutoffs)]
    facts += [instrument.ages.fact] if instrument.ages else []
    facts += [unit.reference.fact for unit in instrument.dimensions.values()]
    assert all(fact.source for fact in facts)
    assert instrument.authors
    assert instrument.licence
    assert all(
        unit.reference.mean is None for unit in instrument.dimensions.values() if not unit.reference.fact.verified
    )


@pytest.mark.parametrize("code", CODES)
def test_items_carry_no_wording(code: str) -> None:
    assert all(len(item) <= len("interpersonal") and " " not in item for item in instruments()[code].items)


@pytest.mark.parametrize(
    ("code", "dimension", "raw", "mean", "percent"),
    [
        ("srs", "total", 36.0, 9.0, 90.0),
        ("srs", "bond", 9.0, 9.0, 90.0),
        ("wai_sr", "bond", 14.0, 3.5, 62.5),
        ("wai_36", "total", 36.0, 1.0, 0.0),
        ("softa_o", "safety", -1.0, -1.0, 100 / 3),
        ("ctas_sf", "within", 4.0, 4.0, 50.0),
    ],
)
def test_raw_to_percent(code: str, dimension: str, raw: float, mean: float, percent: float) -> None:
    instrument = instruments()[code]
    assert instrument.mean_of_raw(dimension, raw) == pytest.approx(mean)
    assert instrument.percent_of_mean(dimension, mean) == pytest.approx(percent)


def test_cut_finds_the_cut_off_of_a_dimension() -> None:
    srs, core4 = instruments()["srs"], instruments()["core4"]
    total, line = srs.cut("total"), srs.cut("tasks")
    assert isinstance(total, Cutoff)
    assert isinstance(line, Cutoff)
    assert (total.raw, total.comparator, line.raw) == (36, "<", 9)
    assert core4.cut("total") is None


def test_the_ages_for_which_forms_are_made() -> None:
    ages = {code: (item.ages.youngest, item.ages.oldest) for code, item in instruments().items() if item.ages}
    assert ages == {"csrs": (6, 12), "ors": (13, None), "srs": (13, None)}  # of the others none were found


@pytest.mark.parametrize(
    ("youngest", "oldest", "bands"),
    [
        (6, 12, ["6-12"]),
        (13, None, ["13-17", "18-and-over"]),
        (0, 5, ["under-6"]),
        (5, 6, ["under-6", "6-12"]),  # somebody of the band may be of these ages
        (18, None, ["18-and-over"]),
        (12, 18, ["6-12", "13-17", "18-and-over"]),
    ],
)
def test_which_age_bands_a_form_is_made_for(youngest: int, oldest: int | None, bands: list[str]) -> None:
    ages = Ages(youngest, oldest, Fact("a form", verified=True))
    assert [band for band in AgeBand if ages.has(band)] == bands


def test_reference_says_whose_it_is() -> None:
    assert Reference(sd=7.5, sp=5, fact=Fact("a study", verified=True)).kind == "verified"
    assert Reference(sd=7.5, sp=5, fact=Fact("us", verified=False)).kind == "ours"


def test_item_numbers() -> None:
    assert numbered(3) == ("1", "2", "3")
    assert items(4, 10) == ("4", "10")
