"""Which stored alert a recomputed concern is, and what a reader sees of the change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from service.domain.concern import Baseline, Concern, Raised, Reason, Signal, State, ended, fired_again, opened
from service.domain.model import Severity
from service.domain.reconcile import Alert, Handling, Origin, Reconciled, basis_of, reconcile, unhandled
from tests.factories import NOW, held_at, therapy_session

LATER = NOW + timedelta(days=1)
BOND = "member/ana|srs|post|therapist|bond"
ANA, EVA = ("member/ana",), ("member/eva",)


def signal(severity: Severity = Severity.warning, subject: tuple[str, ...] = ANA, z: float = -2.6) -> Signal:
    return Signal(
        subject, severity, {"z": z}, {"z": -2.5}, baseline=Baseline("member/ana|srs|post|therapist|bond", 90, 5, 4)
    )


def concern(*numbers: int, rule: str = "trust-bond-loss", severity: Severity = Severity.warning) -> Concern:
    """Return the concern about Ana that opened in the first of these sessions and rests on all of them."""
    first = opened(signal(severity), rule, 1, therapy_session(numbers[0]), numbers[0])
    return replace(first, sessions=tuple(f"s{number}" for number in numbers), number=numbers[-1])


def alert(alert_id: str, about: Concern, opened_at: datetime = NOW, handling: Handling = Handling.new) -> Alert:
    """Return a stored alert; one that was handled says by whom."""
    return Alert(
        alert_id=alert_id,
        case_id="fam-42",
        concern=about,
        therapists=("dr-7",),
        origin=Origin.live,
        opened_at=opened_at,
        changed_at=opened_at,
        handling=handling,
        handled=None if handling is Handling.new else {"by": "dr-7"},
        handling_revision=0 if handling is Handling.new else 1,
    )


def make(about: Concern) -> Alert:
    return alert(f"new-{about.opened_session_id}", about, opened_at=LATER)


def reconciled(concerns: list[Concern], stored: list[Alert]) -> dict[str, Reconciled]:
    found = reconcile(concerns, stored, LATER, make)
    assert len({item.alert.alert_id for item in found}) == len(found)
    return {item.alert.alert_id: item for item in found}


def only(concerns: list[Concern], stored: list[Alert]) -> Reconciled:
    found = reconciled(concerns, stored)
    assert len(found) == 1
    return next(iter(found.values()))


def test_a_new_concern_is_a_new_alert() -> None:
    found = only([concern(3)], [])
    assert found.seen
    assert (found.alert.alert_id, found.alert.revision) == ("new-s3", 1)


def test_the_same_concern_changes_nothing() -> None:
    assert reconciled([concern(3, 4)], [alert("a", concern(3, 4))]) == {}


def test_a_longer_run_is_the_same_alert_revised() -> None:
    found = only([concern(3, 4, 5)], [alert("a", concern(3, 4))])
    assert found.seen
    assert (found.alert.alert_id, found.alert.revision, found.alert.changed_at) == ("a", 2, LATER)
    assert found.alert.concern.sessions == ("s3", "s4", "s5")
    assert found.alert.opened_at == NOW


@pytest.mark.parametrize(
    "other",
    [
        replace(concern(3), rule="sudden-drop"),
        replace(concern(3), subject=EVA, signal=signal(subject=EVA)),
        concern(4),  # no session in common
    ],
)
def test_another_rule_subject_or_run_is_another_alert(other: Concern) -> None:
    found = reconciled([other], [alert("a", concern(3))])
    assert set(found) == {"a", f"new-{other.opened_session_id}"}
    assert (found["a"].alert.concern.state, found["a"].alert.concern.reason) == (State.retracted, Reason.facts_changed)


@pytest.mark.parametrize("shadow", [False, True])
def test_what_is_in_shadow_is_no_alert_that_is_not(shadow: bool) -> None:
    """Whoever saw the one hears that it is gone; the other is new, and for those alone who ask for such."""
    stored = alert("a", replace(concern(3, 4), shadow=not shadow))
    found = reconciled([replace(concern(3, 4), shadow=shadow)], [stored])
    assert {alert_id: item.alert.concern.state for alert_id, item in found.items()} == {
        "a": State.retracted,
        "new-s3": State.open,
    }
    assert found["new-s3"].alert.told is not shadow
    assert not found["a"].alert.told


def test_other_parameters_are_seen_and_those_that_nobody_noted_are_the_rules_own() -> None:
    noted = {"z_warning": -2.5, "z_critical": -3.5, "bond_below": 85.0}
    stored = alert("a", concern(3, 4))
    assert basis_of(stored.concern)["parameters"] == noted
    assert not only([replace(concern(3, 4), parameters=noted)], [stored]).seen
    moved = only([replace(concern(3, 4), parameters={**noted, "bond_below": 70.0})], [stored])
    assert (moved.seen, moved.alert.revision) == (True, 2)
    assert basis_of(moved.alert.concern)["parameters"]["bond_below"] == 70.0


@pytest.mark.parametrize(
    ("known", "therapists"),
    [({"s3": ("dr-9",), "s4": ("dr-8",)}, ("dr-7", "dr-9")), ({"s3": ("dr-7",)}, None), ({"s4": ("dr-8",)}, None)],
)
def test_an_alert_is_of_those_who_led_the_session_that_opened_it(
    known: dict[str, tuple[str, ...]], therapists: tuple[str, ...] | None
) -> None:
    found = reconcile([concern(3, 4)], [alert("a", concern(3, 4))], LATER, make, therapists=known)
    assert [(item.seen, item.alert.revision, item.alert.therapists) for item in found] == (
        [] if therapists is None else [(True, 2, therapists)]
    )


def test_why_an_alert_lost_its_ground_is_told_by_who_recomputes() -> None:
    (lost,) = reconcile([], [alert("a", concern(3))], LATER, make, Reason.reassessed)
    assert (lost.alert.concern.state, lost.alert.concern.reason) == (State.retracted, Reason.reassessed)
    merged = reconcile(
        [concern(3, 4)], [alert("a", concern(3)), alert("b", concern(4))], LATER, make, Reason.reassessed
    )
    assert [item.alert.concern.reason for item in merged] == [None, Reason.merged]


class TestMergeAndSplit:
    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_the_oldest_id_survives_a_merge(self, order: tuple[int, int]) -> None:
        stored = [alert("a-young", concern(2, 3), opened_at=LATER), alert("b-old", concern(5, 6), opened_at=NOW)]
        found = reconciled([concern(2, 3, 4, 5, 6)], [stored[place] for place in order])
        assert found["b-old"].alert.concern.sessions == ("s2", "s3", "s4", "s5", "s6")
        assert found["b-old"].alert.concern.state is State.open
        young = found["a-young"].alert
        assert (young.concern.state, young.concern.reason, young.revision) == (State.retracted, Reason.merged, 2)

    def test_of_equally_old_ones_the_smaller_id_survives(self) -> None:
        stored = [alert("b", concern(2)), alert("a", concern(4))]
        found = reconciled([concern(2, 3, 4)], stored)
        assert found["a"].alert.concern.state is State.open
        assert found["b"].alert.concern.reason is Reason.merged

    def test_a_split_keeps_the_id_on_the_earlier_part(self) -> None:
        found = reconciled([concern(5, 6), concern(2, 3)], [alert("a", concern(2, 3, 4, 5, 6))])
        assert found["a"].alert.concern.sessions == ("s2", "s3")
        assert found["new-s5"].alert.concern.sessions == ("s5", "s6")

    def test_what_was_merged_away_stays_away_when_the_runs_part_again(self) -> None:
        gone = alert("a-young", replace(concern(5, 6), state=State.retracted, reason=Reason.merged))
        found = reconciled([concern(2, 3), concern(5, 6)], [alert("b-old", concern(2, 3, 4, 5, 6)), gone])
        assert found["b-old"].alert.concern.sessions == ("s2", "s3")
        assert found["new-s5"].alert.concern.state is State.open
        assert "a-young" not in found


class TestGround:
    def test_lost_is_told_and_nothing_vanishes(self) -> None:
        found = only([], [alert("a", concern(3, 4), handling=Handling.acknowledged)])
        assert found.seen
        lost = found.alert
        assert (lost.concern.state, lost.concern.reason) == (State.retracted, Reason.facts_changed)
        assert (lost.revision, lost.concern.sessions, lost.handling) == (2, ("s3", "s4"), Handling.acknowledged)

    def test_lost_twice_is_lost_once(self) -> None:
        lost = only([], [alert("a", concern(3))]).alert
        assert reconciled([], [lost]) == {}

    def test_come_back_lives_again_and_waits_for_somebody(self) -> None:
        lost = only([], [alert("a", concern(3), handling=Handling.dismissed)]).alert
        back = only([concern(3)], [lost])
        assert back.seen
        assert (back.alert.alert_id, back.alert.concern.state, back.alert.concern.reason) == ("a", State.open, None)
        assert (back.alert.revision, back.alert.handling) == (3, Handling.new)

    def test_a_living_alert_is_matched_before_a_retracted_one(self) -> None:
        lost = replace(alert("lost", concern(3), opened_at=NOW - timedelta(days=9)))
        lost = only([], [lost]).alert
        found = only([concern(3, 4)], [lost, alert("living", concern(4))])
        assert found.alert.alert_id == "living"


class TestHandling:
    """The course moves handling in two cases only: reopening, and rising to critical."""

    @pytest.mark.parametrize(
        ("before", "now", "handling"),
        [
            # goes on, rises to warning, recovers: what somebody did stands
            (concern(3), concern(3, 4), Handling.acknowledged),
            (concern(3, severity=Severity.info), concern(3, 4), Handling.acknowledged),
            (concern(3), ended(concern(3, 4), State.recovered, None, 5), Handling.acknowledged),
            (concern(3), replace(concern(3), state=State.recovering, streak=1), Handling.acknowledged),
            (replace(concern(3), state=State.recovering, streak=1), concern(3, 4), Handling.acknowledged),
            # rises to critical
            (concern(3), concern(3, 4, severity=Severity.critical), Handling.new),
            (concern(3, severity=Severity.critical), concern(3, 4, severity=Severity.critical), Handling.acknowledged),
            # opens again after it ended, or ended and opened again within one refold
            (ended(concern(3), State.recovered, None, 4), replace(concern(3, 5), openings=2), Handling.new),
            (ended(concern(3), State.closed, Reason.settled, 4), concern(3, 5), Handling.new),
            (concern(3), replace(concern(3, 5), openings=2), Handling.new),
        ],
    )
    def test_after_a_change(self, before: Concern, now: Concern, handling: Handling) -> None:
        found = only([now], [alert("a", before, handling=Handling.acknowledged)])
        assert found.alert.handling is handling
        reset = handling is Handling.new
        assert found.alert.handled == (None if reset else {"by": "dr-7"})
        assert found.alert.asked_at == (found.alert.changed_at if reset else None)
        assert found.alert.handling_revision == (2 if reset else 1)
        assert found.alert.revision == 2

    def test_what_is_new_already_needs_no_reset(self) -> None:
        found = only([concern(3, 4, severity=Severity.critical)], [alert("a", concern(3))])
        assert (found.alert.handling_revision, found.alert.asked_at) == (0, found.alert.changed_at)

    def test_a_snooze_ends_with_the_reset(self) -> None:
        snoozed = replace(
            alert("a", concern(3), handling=Handling.snoozed), snoozed_until=LATER, snoozed_until_number=9
        )
        back = unhandled(snoozed)
        assert (back.handling, back.snoozed_until, back.snoozed_until_number) == (Handling.new, None, None)


class TestSeen:
    @pytest.mark.parametrize(
        "kept",
        [
            lambda one: replace(one, blind=1),
            lambda one: replace(one, after=(80.0,)),
            lambda one: replace(one, streak=1),
            lambda one: replace(one, discussed=True),
            lambda one: replace(one, last_held_at=held_at(9)),
            lambda one: replace(one, opened_number=4, number=9),
        ],
    )
    def test_bookkeeping_is_stored_and_unseen(self, kept: Callable[[Concern], Concern]) -> None:
        found = only([kept(concern(3))], [alert("a", concern(3))])
        assert not found.seen
        assert (found.alert.revision, found.alert.changed_at) == (1, NOW)
        assert found.alert.concern == kept(concern(3))

    @pytest.mark.parametrize(
        "told",
        [
            lambda one: replace(one, state=State.recovering),
            lambda one: replace(one, severity=Severity.critical),
            lambda one: replace(one, signal=signal(z=-3.1)),
            lambda one: replace(one, rule_version=2),
            lambda one: replace(one, sessions=(*one.sessions, "s4")),
            lambda one: replace(one, state=State.closed, reason=Reason.window_passed),
            lambda one: replace(one, opened_held_at=held_at(2)),
            lambda one: replace(one, moves=(1, 2, 3)),  # three so close are flapping
            lambda one: replace(one, raised=Raised("therapist-unaware", {}, {})),
        ],
    )
    def test_what_a_reader_can_tell_is_a_revision(self, told: Callable[[Concern], Concern]) -> None:
        found = only([told(concern(3))], [alert("a", concern(3))])
        assert found.seen
        assert found.alert.revision == 2


def test_basis_holds_all_that_the_alert_rests_on() -> None:
    basis = basis_of(concern(3, 4))
    assert basis["values"] == {"z": -2.6}
    assert basis["thresholds"] == {"z": -2.5}
    assert basis["sessions"] == ["s3", "s4"]
    assert basis["baseline"] == {
        "series": BOND,
        "mu": 90,
        "sigma": 5,
        "n": 4,
        "before": None,
        "unit": "ours",
    }
    assert (basis["unit"], basis["evidence"], basis["raised"]) == ("ours", "A, B", None)
    assert basis["parameters"]


def test_basis_says_by_what_the_alert_was_raised() -> None:
    raised = Raised("therapist-unaware", {"therapist_z": 0.5}, {"therapist_z": -0.5})
    assert basis_of(replace(concern(3), raised=raised))["raised"] == {
        "by": "therapist-unaware",
        "values": {"therapist_z": 0.5},
        "thresholds": {"therapist_z": -0.5},
    }


def test_basis_of_a_rule_that_is_gone_can_still_be_read() -> None:
    basis = basis_of(replace(concern(3), rule="no-such-rule"))
    assert (basis["evidence"], basis["parameters"]) == (None, {})


def test_alerts_come_out_in_one_order() -> None:
    concerns = [
        concern(3),
        concern(3, rule="absolute-low"),
        replace(concern(3), subject=EVA, signal=signal(subject=EVA)),
    ]
    found = [(item.alert.concern.rule, item.alert.concern.subject) for item in reconcile(concerns, [], LATER, make)]
    assert found == [("absolute-low", ANA), ("trust-bond-loss", ANA), ("trust-bond-loss", EVA)]
    assert found == [
        (item.alert.concern.rule, item.alert.concern.subject) for item in reconcile(concerns[::-1], [], LATER, make)
    ]


def test_a_concern_that_fired_again_keeps_its_alert() -> None:
    """The way a concern really grows, not only as written here."""
    first = concern(3)
    again = fired_again(first, signal(Severity.critical, z=-3.6), therapy_session(4), 4)
    found = only([again], [alert("a", first)])
    assert found.alert.alert_id == "a"
    assert found.alert.concern.severity is Severity.critical
