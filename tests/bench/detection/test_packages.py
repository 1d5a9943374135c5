"""The detectors that rest on packages: there when these are, named when they are not."""

from bench.detection.extras import optional
from bench.detection.packages import packages

STEADY_THEN_LOW = [90.0, 91.0, 89.0, 90.0, 90.0, 60.0, 61.0, 60.0, 59.0]


def test_what_is_not_installed_is_named() -> None:
    found, absent = packages()
    there = [name for name, module in (("ruptures", "ruptures"), ("river", "river.drift")) if optional(module)]
    assert sorted(there + absent) == ["river", "ruptures"]
    assert len(found) == ("ruptures" in there) + 2 * ("river" in there)
    assert optional("no_such_package_anywhere") is None


def test_those_that_are_installed_see_a_deep_lasting_fall_and_no_steady_course() -> None:
    for peer in packages()[0]:
        said = peer.speak(STEADY_THEN_LOW)
        assert len(said) == len(STEADY_THEN_LOW)
        assert any(figure is not None and figure >= peer.limit for figure in said[5:])
        assert all(figure is None or figure < peer.limit for figure in said[:5])
