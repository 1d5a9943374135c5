"""Alerts as JSON: with all they rest on, and on safety hold without what brings members together."""

from dataclasses import replace

import httpx
import pytest

from service.api.alert_documents import alert_document, alert_documents, silent, silent_rules
from service.domain.assess import assess
from service.domain.concern import Concern, Raised
from service.domain.figures import Course
from service.domain.next_steps import HELD_BACK, HOLD_TEXT
from service.domain.reconcile import Alert, Origin
from service.domain.rules import rules
from tests.api.bodies import members, rating
from tests.factories import CASE, NOW, course, family, therapy_session
from tests.factories import rating as rated


@pytest.mark.anyio
async def test_a_low_member_is_shown_with_all_that_an_alert_rests_on(client: httpx.AsyncClient) -> None:
    await client.put("/v1/cases/fam-42", json={"members": members("eva", "ana")})
    await client.post("/v1/ratings", json=rating("eva", 82.0))
    body = (await client.post("/v1/ratings", json=rating("ana", 40.0))).json()
    (alert,) = [alert for alert in body["alerts"] if alert["rule"] == "absolute-low" and "ana" in alert["subject"][0]]
    assert (alert["severity"], alert["state"], alert["handling"]) == ("info", "open", "new")
    assert (alert["opened_session_id"], alert["last_session_id"], alert["sessions_open"]) == ("s1", "s1", 1)
    assert alert["basis"]["sessions"] == ["s1"]
    assert (await client.get(f"/v1/alerts/{alert['alert_id']}")).json() == alert


def alert_about(concern: Concern) -> Alert:
    return Alert(
        alert_id="a1",
        case_id=CASE,
        concern=concern,
        therapists=("dr-7",),
        origin=Origin.live,
        opened_at=NOW,
        changed_at=NOW,
    )


def dropped() -> Concern:
    """Return the concern of a sudden drop of the total alone, after eight even sessions."""
    even = dict.fromkeys(("bond", "goals", "tasks"), 90.0)
    last = therapy_session(9, rated("ana", 60.0, dimensions=even))
    (concern,) = [item for item in assess([*course(ana=[90.0] * 8), last], family("ana")) if item.rule == "sudden-drop"]
    return concern


def test_steps_that_bring_members_together_are_held_back_on_hold() -> None:
    alert = alert_about(replace(dropped(), rule="goal-misalignment"))
    alert = replace(alert, concern=replace(alert.concern, signal=replace(alert.concern.signal, route="own-level")))
    free, held = (alert_document(alert, on_hold, Course(9, "s9"), NOW) for on_hold in (False, True))
    steps = {step["code"] for step in free["next_steps"]}
    assert steps - {step["code"] for step in held["next_steps"]} == steps & set(HELD_BACK) != set()
    assert (HOLD_TEXT in free["text"], HOLD_TEXT in held["text"]) == (False, True)


def test_a_raised_alert_says_why_in_its_text_and_in_its_basis() -> None:
    seen = Raised("therapist-unaware", {"therapist_z": 0.12345}, {"therapist_z": -0.5})
    plain, raised = (
        alert_document(alert_about(replace(dropped(), raised=why)), False, Course(9, "s9"), NOW) for why in (None, seen)
    )
    assert raised["text"] == f"{plain['text']} {rules()['therapist-unaware'].texts['default']}"
    assert (plain["basis"]["raised"], raised["basis"]["raised"]) == (
        None,
        {"by": "therapist-unaware", "values": {"therapist_z": 0.123}, "thresholds": {"therapist_z": -0.5}},
    )


@pytest.mark.parametrize(("moves", "flapping"), [((9,), False), ((4, 6, 9), True), ((3, 6, 9), False)])
def test_an_alert_that_comes_and_goes_says_so(moves: tuple[int, ...], flapping: bool) -> None:
    alert = alert_about(replace(dropped(), moves=moves))
    assert alert_document(alert, False, Course(9, "s9"), NOW)["flapping"] is flapping


def test_numbers_and_parameters_of_a_basis_go_out_rounded() -> None:
    basis = alert_document(alert_about(dropped()), False, Course(9, "s9"), NOW)["basis"]
    assert (basis["values"]["total"], basis["values"]["fall"]) == (60.0, 30.0)
    assert basis["thresholds"]["fall"] == 14.0  # 2.8 within-person SDs of 5
    assert basis["parameters"] == {"below_median_share": 0.5, "median_of": 3}


def test_some_rules_are_silent_on_hold() -> None:
    alert = alert_about(replace(dropped(), rule=silent_rules()[0]))
    assert (silent(alert, on_hold=True), silent(alert, on_hold=False)) == (True, False)
    assert alert_documents([alert], True, Course(9, "s9"), NOW) == []


def test_a_rule_that_is_gone_can_still_be_read() -> None:
    shown = alert_document(alert_about(replace(dropped(), rule="no-such-rule")), False, Course(9, "s9"), NOW)
    assert (shown["title"], shown["text"], shown["next_steps"]) == ("no-such-rule", "", [])
    assert shown["basis"]["parameters"] == {}
