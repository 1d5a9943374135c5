"""Alerts as JSON: with all they rest on, told as the circumstances of their case ask for."""

from dataclasses import replace

import httpx
import pytest

from service.api.alert_documents import alert_document, alert_documents, silent, silent_rules
from service.api.documents import Document
from service.domain.assess import assess
from service.domain.circumstances import Circumstances
from service.domain.concern import Concern, Raised
from service.domain.figures import Course
from service.domain.next_steps import HELD_BACK, HOLD_TEXT, JOINT, WALL_TEXT
from service.domain.reconcile import Alert, Origin
from service.domain.rules import rules
from service.languages import ENGLISH
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


HOLD = Circumstances(on_hold=True)


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
    free, held = (alert_document(alert, case, Course(9, "s9"), NOW, ENGLISH) for case in (Circumstances(), HOLD))
    steps = {step["code"] for step in free["next_steps"]}
    assert steps - {step["code"] for step in held["next_steps"]} == steps & set(HELD_BACK) != set()
    assert (HOLD_TEXT in free["text"], HOLD_TEXT in held["text"]) == (False, True)


def test_a_raised_alert_says_why_in_its_text_and_in_its_basis() -> None:
    seen = Raised("therapist-unaware", {"therapist_z": 0.12345}, {"therapist_z": -0.5})
    plain, raised = (
        alert_document(alert_about(replace(dropped(), raised=why)), Circumstances(), Course(9, "s9"), NOW, ENGLISH)
        for why in (None, seen)
    )
    assert raised["text"] == f"{plain['text']} {rules()['therapist-unaware'].texts['default']}"
    assert (plain["basis"]["raised"], raised["basis"]["raised"]) == (
        None,
        {"by": "therapist-unaware", "values": {"therapist_z": 0.123}, "thresholds": {"therapist_z": -0.5}},
    )


@pytest.mark.parametrize(("moves", "flapping"), [((9,), False), ((4, 6, 9), True), ((3, 6, 9), False)])
def test_an_alert_that_comes_and_goes_says_so(moves: tuple[int, ...], flapping: bool) -> None:
    alert = alert_about(replace(dropped(), moves=moves))
    assert alert_document(alert, Circumstances(), Course(9, "s9"), NOW, ENGLISH)["flapping"] is flapping


def shown(rule: str, route: str, **case: bool) -> Document:
    """Return the alert of a rule as it is told in some circumstances."""
    signal = replace(dropped().signal, route=route)
    alert = alert_about(replace(dropped(), rule=rule, signal=signal))
    return alert_document(alert, Circumstances(**case), Course(9, "s9"), NOW, ENGLISH)


def codes(document: Document) -> list[str]:
    return [step["code"] for step in document["next_steps"]]


def test_nothing_is_raised_jointly_across_a_wall() -> None:
    free, walled = shown("split-alliance", "low-member"), shown("split-alliance", "low-member", walled=True)
    assert set(codes(free)) & JOINT
    assert codes(walled) == [code for code in codes(free) if code not in JOINT]
    assert walled["text"] == f"{free['text']} {WALL_TEXT}"
    both = shown("split-alliance", "low-member", walled=True, on_hold=True)
    assert (HOLD_TEXT in both["text"], WALL_TEXT in both["text"]) == (True, False)
    assert not set(codes(both)) & JOINT


def test_where_treatment_was_required_one_says_first_what_is_told_to_whom() -> None:
    free, required = shown("attendance", "gap"), shown("attendance", "gap", mandated=True)
    assert codes(required) == ["transparency", "motivational", *codes(free)]
    assert required["next_steps"][0]["text"].endswith("what is told to whom outside.")
    hurt = shown("trust-bond-loss", "default", mandated=True)  # a lost bond is no matter of taking part
    assert codes(hurt) == codes(shown("trust-bond-loss", "default"))


def test_a_known_supporter_is_named_as_such() -> None:
    texts = [
        {step["code"]: step["text"] for step in shown("attendance", "gap", supported=supported)["next_steps"]}
        for supported in (False, True)
    ]
    assert "supporter" not in texts[0]["outside-support"]
    assert "supporter" in texts[1].pop("outside-support")
    assert texts[1].items() <= texts[0].items()


def test_numbers_and_parameters_of_a_basis_go_out_rounded() -> None:
    basis = alert_document(alert_about(dropped()), Circumstances(), Course(9, "s9"), NOW, ENGLISH)["basis"]
    assert (basis["values"]["total"], basis["values"]["fall"]) == (60.0, 30.0)
    assert basis["thresholds"]["fall"] == 14.0  # 2.8 within-person SDs of 5
    assert basis["parameters"] == {"below_median_share": 0.5, "median_of": 3}


def test_some_rules_are_silent_on_hold() -> None:
    alert = alert_about(replace(dropped(), rule=silent_rules()[0]))
    assert (silent(alert, HOLD), silent(alert, Circumstances())) == (True, False)
    assert alert_documents([alert], HOLD, Course(9, "s9"), NOW, ENGLISH) == []


def test_a_rule_that_is_gone_can_still_be_read() -> None:
    gone = alert_document(
        alert_about(replace(dropped(), rule="no-such-rule")), Circumstances(), Course(9, "s9"), NOW, ENGLISH
    )
    assert (gone["title"], gone["text"], gone["next_steps"]) == ("no-such-rule", "", [])
    assert gone["basis"]["parameters"] == dropped().parameters  # what it kept
