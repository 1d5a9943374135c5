"""JSON that does not fit, field by field, on every route that has it: where and why; nothing stored or repeated."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.api import bodies
from tests.poison import CANARY, FREE_TEXT, OF, ROUTES, Target, poisonable, with_token


@pytest.fixture(scope="module")
def target(database_url: str) -> Iterator[Target]:
    with poisonable(database_url) as target:
        yield target


TIMES = {
    "naive": '"2026-01-05T16:00:00"',
    "number": "1767628800",
    "number as text": '"1767628800"',
    "date": '"2026-01-05"',
    "week": '"2026-W02-1T16:00:00Z"',
    "no seconds": '"2026-01-05T16:00Z"',
    "comma": '"2026-01-05T16:00:00,5Z"',
    "year 0": '"0000-12-31T23:59:59Z"',
    "year 1, before": '"0001-01-01T00:00:00+23:59"',
    "year 9999, after": '"9999-12-31T23:59:59-23:59"',
    "year 10000": '"10000-01-01T00:00:00Z"',
    "offset of a day": '"2026-01-05T16:00:00+24:00"',
    "offset of 99 hours": '"2026-01-05T16:00:00+99:99"',
    "no such day": '"2026-02-30T16:00:00Z"',
    "no such hour": '"2026-01-05T24:00:01Z"',
    "leap second": '"2026-06-30T23:59:60Z"',
    "space": '" 2026-01-05T16:00:00Z"',
    "newline": '"2026-01-05T16:00:00Z\\n"',
    "other digits": '"２０２６-01-05T16:00:00Z"',
    "blank": '""',
    "true": "true",
    "list": f'["{CANARY}"]',
    "words": f'"{FREE_TEXT}"',
}
TIME_FIELDS = [
    ("post-rating", "/held_at"),
    ("put-rating", "/answered_at"),
    ("rating-line", "/held_at"),
    ("rating-line", "/answered_at"),
    ("put-session", "/held_at"),
    ("patch-session", "/next_planned_at"),
    ("session-line", "/held_at"),
    ("handling", "/at"),
    ("repair", "/at"),
    ("episode", "/at"),
]


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize(("name", "field"), TIME_FIELDS)
def test_times(target: Target, name: str, field: str, time: str) -> None:
    refused = target.send(name, with_token(ROUTES[name].body, field, TIMES[time]))
    assert (refused.status, refused.faults) == (422, [(field, "bad-time")])


ID_FAULTS = ['""', '"."', '"-a"', '"a b"', '"a/b"', '"a\\n"', '"ä"', '"' + "a" * 65 + '"', f'"{FREE_TEXT}"']
NO_STRING = ["7", "true", f'["{CANARY}"]', f'{{"{CANARY}": 1}}']
ID_FIELDS = [
    ("rating", "/case_id"),
    ("rating", "/session_id"),
    ("rating", "/rater/id"),
    ("rating", "/record_id"),
    ("case", "/therapists/0"),
    ("case", "/subsystems/parents/0"),
    ("session", "/therapists/0"),
    ("session", "/tasks/t1/member"),
    ("handling", "/id"),
    ("handling", "/by"),
    ("repair", "/id"),
    ("repair", "/by"),
    ("episode", "/id"),
    ("episode", "/by"),
    ("episode", "/first_session_id"),
    ("episode", "/last_session_id"),
    ("episode", "/replaces"),
]


@pytest.mark.parametrize(("kind", "field"), ID_FIELDS)
def test_ids(target: Target, kind: str, field: str) -> None:
    for name in OF[kind]:
        for token in ID_FAULTS:
            assert target.send(name, with_token(ROUTES[name].body, field, token)).faults == [(field, "bad-format")]
        for token in NO_STRING:
            assert target.send(name, with_token(ROUTES[name].body, field, token)).faults == [(field, "not-a-string")]


@pytest.mark.parametrize("reserved", ["therapist", "family"])
def test_reserved_ids(target: Target, reserved: str) -> None:
    told_by = [(kind, "/by") for kind in ("handling", "repair", "episode")]
    for name, field in [(name, "/rater/id") for name in OF["rating"]] + told_by:
        refused = target.send(name, with_token(ROUTES[name].body, field, f'"{reserved}"'))
        assert refused.faults == [(field, "reserved-id")]
    for name in OF["case"]:
        body = {**ROUTES[name].body, "members": {reserved: {"role": "parent"}}, "subsystems": {}}
        assert target.send(name, json.dumps(body)).faults == [(f"/members/{reserved}", "reserved-id")]
    for name in OF["session"]:
        body = {**ROUTES[name].body, "attendance": {reserved: "attended"}}
        assert target.send(name, json.dumps(body)).faults == [(f"/attendance/{reserved}", "reserved-id")]


# kind of body, place, raw values that do not fit there, the code of the fault
VALUES: list[tuple[str, str, list[str], str]] = [
    ("rating", "/answers/goals", ["true", "false", '"7"', '""', "null", "[7]", '{"a": 7}'], "not-a-number"),
    ("rating", "/answers/goals", ["0.05", "9.99", "1e-9"], "too-fine"),
    ("rating", "/answers/goals", ["-0.1", "10.1", "11", "1e300"], "out-of-range"),
    ("rating", "/answers/empathy", ["7"], "unknown-item"),
    ("rating", "/instrument", ['"nonesuch"', '"wai"'], "unknown-instrument"),
    ("rating", "/instrument", ['"srs\\n"', '"SRS"', '"s r s"', f'"{FREE_TEXT}"', '""'], "bad-format"),
    ("rating", "/rater/role", ['"mother"', '"Youth"', "7", "null", f'"{FREE_TEXT}"'], "unknown-value"),
    ("rating", "/phase", ['"during"', "7", f'"{FREE_TEXT}"'], "unknown-value"),
    ("rating", "/about", ['"ana"', '"member/"', '"observer/o1"', '"member/a b"', f'"{FREE_TEXT}"'], "bad-format"),
    ("rating", "/record_version", ["1.5", '"3"', "true"], "not-integer"),
    ("rating", "/not_alone", ["1", '"yes"', '"true"', "0.0"], "not-a-boolean"),
    ("rating", "/locale", ['"Dutch"', '"nl_BE"', '"NL"', f'"{FREE_TEXT}"'], "bad-format"),
    ("rating", "/rater", ["null", '"ana"', "[]"], "not-an-object"),
    ("references", "/references/0/dimension", ['"No-such"', f'"{FREE_TEXT}"'], "bad-format"),
    ("references", "/references/0/role", ['"mother"', "7", f'"{FREE_TEXT}"'], "unknown-value"),
    ("references", "/references/0/source", ['"A study"', f'"{FREE_TEXT}"'], "bad-format"),
    ("references", "/references/0/sd", ["true", '"7"', "null", "[7]"], "not-a-number"),
    ("references", "/references/0/mean", ["100.1", "1e300"], "less-than-equal"),
    ("references", "/references/0/n", ["1.5", '"60"', "true"], "not-integer"),
    ("references", "/references/0/verified", ["1", '"true"', "null"], "not-a-boolean"),
    ("references", "/references", ["null", '"none"', "{}"], "not-a-list"),
    ("case", "/modality", ['"group"', "7", '"Family"', f'"{FREE_TEXT}"'], "unknown-value"),
    ("case", "/program", ['"Trauma"', '"a--b"', '"a b"', f'"{FREE_TEXT}"'], "bad-format"),
    ("case", "/safety_hold", ["1", '"true"', "[]"], "not-a-boolean"),
    ("case", "/members/eva/role", ['"mother"', "7", f'"{FREE_TEXT}"'], "unknown-value"),
    ("case", "/members/eva/index", ["1", '"true"'], "not-a-boolean"),
    ("case", "/members/eva/voice/state", ['"silent"', "7", f'"{FREE_TEXT}"'], "unknown-value"),
    ("case", "/members/eva/voice/decided_in", ['"a b"', f'"{FREE_TEXT}"'], "bad-format"),
    ("case", "/members/ana/age_band", ['"15"', "15", f'"{FREE_TEXT}"'], "unknown-value"),
    ("case", "/checklist/nobody-blamed/state", ['"done"', "true", f'"{FREE_TEXT}"'], "unknown-value"),
    ("case", "/checklist/nobody-blamed/decided_on", ['"2026-02-30"', "20260101"], "bad-date"),
    ("case", "/walls/0/1", ['"a b"', f'"{FREE_TEXT}"'], "bad-format"),
    ("case", "/members", ["7", "[]", '"eva"'], "not-an-object"),
    ("case", "/therapists", ["7", '"dr-7"', "{}"], "not-a-list"),
    ("case", "/periods/0/from", ['"2026-1-1"', '"2026-02-30"', "20260101", '"2026-01-01T00:00:00Z"'], "bad-date"),
    ("case", "/periods/0/ended_as", ['"died"', "7"], "unknown-value"),
    ("session", "/status", ['"missed"', "7", f'"{FREE_TEXT}"'], "unknown-value"),
    ("session", "/attendance/eva", ['"absent"', "true", f'"{FREE_TEXT}"'], "unknown-value"),
    ("session", "/indicators_observed", ["1", '"true"'], "not-a-boolean"),
    ("session", "/indicators/i1/kind", ['"child-abuse"', '"violence"'], "unknown-kind"),
    ("session", "/indicators/i1/kind", [f'"{FREE_TEXT}"', '"Hostility"'], "bad-format"),
    ("session", "/indicators/i1/severity", ["1.5", "2.0", '"2"', "true"], "not-integer"),
    ("session", "/indicators/i1/from", ['"ana"', '"family"', f'"{FREE_TEXT}"'], "bad-format"),
    ("session", "/indicators/i1/source", ['"subsystem/parents"', '"member/"'], "bad-format"),
    ("session", "/tasks/t1/outcome", ['"half"', "0.5", f'"{FREE_TEXT}"'], "unknown-value"),
    ("session", "/goals/ana/0", [f'"{FREE_TEXT}"', '"To talk"'], "bad-format"),
    ("session", "/readiness/ana/value", ["4.5", '"4"', "true"], "not-integer"),
    ("session", "/hope/ana/source", ['"ana"', '"family"', f'"{FREE_TEXT}"'], "bad-format"),
    ("session", "/discussed/0/rule", [f'"{FREE_TEXT}"'], "bad-format"),
    ("session", "/discussed/0/subject", ['["ana"]'], "bad-format"),
    ("handling", "/action", ['"close"', "7", f'"{FREE_TEXT}"'], "unknown-value"),
    ("handling", "/handling_revision", ["1.5", "true", '"0"'], "not-integer"),
    ("repair", "/next_step", ['"hug"', f'"{FREE_TEXT}"'], "unknown-value"),
    ("episode", "/outcome", ['"better"', "7", "null", f'"{FREE_TEXT}"'], "unknown-value"),
    ("episode", "/alert_ids", ["7", "{}"], "not-a-list"),
    ("episode", "/alert_ids/0", ['"7"', f'"{FREE_TEXT}"'], "bad-format"),
    ("episode", "/members/0", ['"ana"', '"family"', '"member/a b"', f'"{FREE_TEXT}"'], "bad-format"),
    ("episode", "/tried/0", ['"hug"', f'"{FREE_TEXT}"'], "unknown-value"),
    ("repair", "/with", ["7", '"member/ana"', "{}"], "not-a-list"),
    ("repair", "/with/0", ['"ana"', '"member/"', '"member/a b"', f'"{FREE_TEXT}"'], "bad-format"),
    ("repair", "/went", ["1.5", "true", '"4"'], "not-integer"),
    ("retraction", "/rating_id", ['"7"', f'"{FREE_TEXT}"', '""'], "bad-format"),
    ("retraction", "/reason", ['"typo"', "7", "null", f'"{FREE_TEXT}"'], "unknown-value"),
]


@pytest.mark.parametrize(("kind", "field", "tokens", "code"), VALUES)
def test_values(target: Target, kind: str, field: str, tokens: list[str], code: str) -> None:
    for name in OF[kind]:
        for token in tokens:
            refused = target.send(name, with_token(ROUTES[name].body, field, token))
            place = field if field != "/discussed/0/subject" else f"{field}/0"
            assert (refused.status, refused.code, refused.faults) == (422, "invalid", [(place, code)]), (name, token)


def rating_body(**facts: Any) -> dict[str, Any]:
    """Return a rating that could be stored but for what differs."""
    return {**bodies.rating("eva", number=2), "record_id": CANARY, **facts}


LIKERT = {str(item): 4 for item in range(1, 13)}  # the items of the WAI-S, 1 to 7
OBSERVER = {"id": "o1", "role": "observer"}
NOTED: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("half a step", {"instrument": "wai_s", "answers": {**LIKERT, "3": 2.5}}, [("/answers/3", "not-integer")]),
    ("below", {"instrument": "wai_s", "answers": {**LIKERT, "3": 0}}, [("/answers/3", "out-of-range")]),
    ("above", {"instrument": "wai_s", "answers": {**LIKERT, "3": 8}}, [("/answers/3", "out-of-range")]),
    ("no such item", {"instrument": "wai_s", "answers": {**LIKERT, "13": 4}}, [("/answers/13", "unknown-item")]),
    ("no answers", {"answers": {}}, [("/answers", "missing-items")]),
    ("neither", {"answers": None}, [("/answers", "answers-or-scores")]),
    ("both", {"scores": {"total": 33.0}}, [("/answers", "answers-or-scores")]),
    ("no such score", {"answers": None, "scores": {"safety": 3}}, [("/scores/safety", "unknown-dimension")]),
    ("score too high", {"answers": None, "scores": {"total": 40.1}}, [("/scores/total", "out-of-range")]),
    (
        "everything at once",
        {"answers": {"goals": 99, "hope": 1}, "rater": OBSERVER},
        [
            ("/rater/role", "wrong-rater"),
            ("/about", "missing"),
            ("/answers/goals", "out-of-range"),
            ("/answers/hope", "unknown-item"),
        ],
    ),
    (
        "an observer's SRS",
        {"rater": OBSERVER, "about": "family"},
        [("/rater/role", "wrong-rater")],
    ),
    ("about nobody", {"rater": {"id": "dr-7", "role": "therapist"}}, [("/about", "missing")]),
    ("far ahead", {"held_at": "2199-01-01T00:00:00Z"}, [("/held_at", "in-the-future")]),
    ("no time", {"held_at": None}, [("/held_at", "held-at-missing")]),
    ("a stranger", {"case_id": "fixed", "rater": {"id": CANARY, "role": "youth"}}, [("/rater/id", "unknown-member")]),
    (
        "about a stranger",
        {
            "case_id": "fixed",
            "rater": OBSERVER,
            "instrument": "softa_o",
            "about": f"member/{CANARY}",
            "answers": {"engagement": 1, "connection": 1, "safety": 1, "purpose": 1},
        },
        [("/about", "unknown-member")],
    ),
]


@pytest.mark.parametrize(("facts", "faults"), [case[1:] for case in NOTED], ids=[case[0] for case in NOTED])
@pytest.mark.parametrize("name", ["post-rating", "rating-line"])
def test_what_a_rating_cannot_say(
    target: Target, name: str, facts: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    kind = {"type": "rating"} if name == "rating-line" else {}
    refused = target.send(name, json.dumps({**kind, **rating_body(**facts)}))
    assert (refused.status, refused.code) == (422, "invalid")
    assert refused.faults == faults


def many(entry: Any, count: int) -> dict[str, Any]:
    return {f"x{number}": entry for number in range(count)}


TOO_MANY: list[tuple[str, str, Any]] = [
    ("rating", "answers", many(7, 201)),
    ("rating", "scores", many(7, 201)),
    ("case", "members", many({"role": "parent"}, 65)),
    ("case", "subsystems", many(["eva"], 33)),
    ("case", "therapists", list(many(1, 33))),
    ("case", "periods", [{"from": "2026-01-01"}] * 65),
    ("case", "walls", [["eva", "ana"]] * 65),
    ("session", "readiness", many({"value": 4, "source": "member/ana"}, 65)),
    ("session", "hope", many({"value": 4, "source": "member/ana"}, 65)),
    ("session", "attendance", many("attended", 65)),
    ("session", "indicators", many(bodies.indicator(), 65)),
    ("session", "tasks", many({"member": "ana", "outcome": "done"}, 65)),
    ("session", "goals", many(["curfew"], 65)),
    ("session", "goals/ana", ["curfew"] * 33),
    ("session", "discussed", [{"rule": "attendance", "subject": ["family"]}] * 65),
    ("session", "discussed/0/subject", ["family"] * 3),
]


@pytest.mark.parametrize(("kind", "field", "value"), TOO_MANY, ids=[f"{kind}-{field}" for kind, field, _ in TOO_MANY])
def test_too_many_entries(target: Target, kind: str, field: str, value: Any) -> None:
    for name in OF[kind]:
        refused = target.send(name, with_token(ROUTES[name].body, f"/{field}", json.dumps(value)))
        assert (refused.status, refused.faults) == (422, [(f"/{field}", "too-many")])


CONTRADICTIONS: list[tuple[str, dict[str, Any], tuple[str, str]]] = [
    ("case", {"subsystems": {"parents": [CANARY]}}, ("/subsystems/parents/0", "unknown-member")),
    ("case", {"periods": [{"from": "2026-05-01", "to": "2026-04-30"}]}, ("/periods/0/to", "before-start")),
    ("case", {"periods": [{"from": "2026-05-01", "ended_as": "completed"}]}, ("/periods/0/to", "missing")),
    ("case", {"walls": [["eva", CANARY]]}, ("/walls/0/1", "unknown-member")),
    ("case", {"walls": [["eva", "eva"]]}, ("/walls/0/1", "same-member")),
    ("case", {"checklist": {"nobody-blamed": {"state": "ticked"}}}, ("/checklist/nobody-blamed/decided_on", "missing")),
    ("session", {"indicators_observed": False}, ("/indicators_observed", "contradiction")),
    ("session", {"held_at": "2199-01-01T00:00:00Z"}, ("/held_at", "in-the-future")),
]


@pytest.mark.parametrize(("kind", "facts", "fault"), CONTRADICTIONS)
def test_contradictions(target: Target, kind: str, facts: dict[str, Any], fault: tuple[str, str]) -> None:
    for name in OF[kind]:
        refused = target.send(name, json.dumps({**ROUTES[name].body, **facts}))
        assert (refused.status, refused.code, refused.faults) == (422, "invalid", [fault])


INCOMPLETE = [
    ("patch-case", {"members": {"zoe": {"index": True}}}, "/members/zoe/role"),
    ("patch-session", {"indicators": {"i1": {"source": None}}}, "/indicators/i1/source"),
    ("patch-case", {"checklist": {"rationale-given": {"decided_in": CANARY}}}, "/checklist/rationale-given/state"),
    ("patch-session", {"hope": {"zoe": {"value": 3}}}, "/hope/zoe/source"),
    ("patch-session", {"tasks": {"t9": {"member": CANARY}}}, "/tasks/t9/outcome"),
]


@pytest.mark.parametrize(("name", "patch", "pointer"), INCOMPLETE)
def test_patches_that_leave_an_entry_incomplete(target: Target, name: str, patch: dict[str, Any], pointer: str) -> None:
    """A stored entry may not lose what it needs, and a new one must have it."""
    refused = target.send(name, json.dumps(patch))
    assert (refused.status, refused.faults) == (422, [(pointer, "missing")])


HANDLINGS = [
    ({"until": None}, ("/until", "until-with-snooze")),
    ({"action": "acknowledge"}, ("/until", "until-with-snooze")),
    ({"reason": "duplicate"}, ("/reason", "reason-with-dismiss")),
    ({"action": "dismiss", "until": None}, ("/reason", "reason-with-dismiss")),
]


@pytest.mark.parametrize(("facts", "fault"), HANDLINGS)
def test_handlings_that_contradict_themselves(target: Target, facts: dict[str, Any], fault: tuple[str, str]) -> None:
    refused = target.send("handling", json.dumps({**ROUTES["handling"].body, **facts}))
    assert (refused.status, refused.faults) == (422, [fault])


NEVER: list[Any] = [
    {},
    {"sessions": 0},
    {"sessions": 21},
    {"sessions": 1.5},
    {"sessions": True},
    {"sessions": 1, "date": "2026-12-01"},
    {"date": CANARY},
    {"date": "2026-02-30"},
    3,
]


@pytest.mark.parametrize("until", NEVER)
def test_snoozes_until_nothing(target: Target, until: Any) -> None:
    refused = target.send("handling", json.dumps({**ROUTES["handling"].body, "until": until}))
    assert (refused.status, refused.code) == (422, "invalid")
    assert {pointer.split("/")[1] for pointer, _ in refused.faults} == {"until"}


# --- addresses and headers

BAD_IDS = ["%20", "a%20b", ".", "-a", "a%0A", "%00", "%C3%A4", "%FF", "a" * 65, f"{CANARY}%20M%C3%BCller"]


@pytest.mark.parametrize("bad", sorted(set(BAD_IDS) - {"."}))  # a dot alone is resolved by the client
@pytest.mark.parametrize("name", ["put-case", "patch-case", "put-session", "patch-session"])
def test_ids_in_addresses(target: Target, name: str, bad: str) -> None:
    route = ROUTES[name]
    asked = target.client.request(
        route.method,
        route.path.replace("fam-42", bad),
        json=dict(route.body),
        headers={"Content-Type": route.media_type},
    )
    refused = target.refused(asked)
    assert (refused.status, refused.faults) == (422, [("path:case_id", "bad-format")])


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("rating_id", ["7", CANARY, "01890000-0000-7000-8000-00000000000g"])
def test_rating_ids_in_addresses(target: Target, method: str, rating_id: str) -> None:
    body = bodies.rating() if method == "PUT" else None
    asked = target.client.request(method, f"/v1/ratings/{rating_id}", json=body, headers={"If-Match": '"1"'})
    assert target.refused(asked).faults == [("path:rating_id", "bad-format")]


@pytest.mark.parametrize("value", [CANARY, "typo", "", "a%00"])
def test_queries(target: Target, value: str) -> None:
    """A word that no parameter knows is refused by the name of the parameter."""
    retracting = target.client.delete(f"/v1/ratings/{target.rating_id}?reason={value}")
    assert target.refused(retracting).faults == [("?reason", "unknown-value")]
    uploading = target.client.post(
        f"/v1/batch?deliver={value}", content=b"{}", headers={"Content-Type": "application/x-ndjson"}
    )
    assert [pointer for pointer, _ in target.refused(uploading).faults] == ["?deliver"]


CHANGES = {
    "put-case": {"mandated": True},
    "patch-case": {"mandated": True},
    "put-session": {"status": "late-cancelled"},
    "patch-session": {"status": "late-cancelled"},
    "put-rating": bodies.rating(total=50.0),
}
TAGS = ["1", 'W/"1"', '"2"', '"0"', '"-1"', f'"{CANARY}"', '"1', '""', '"٣"', '"²"', f'"{10**30}"']


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("name", [*CHANGES, "delete-rating"])
def test_tags_that_do_not_match(target: Target, name: str, tag: str) -> None:
    """What is no tag of ours matches nothing; the answer names the revision that would."""
    method, path, media_type = "DELETE", f"/v1/ratings/{target.rating_id}", ""
    if name in CHANGES:
        route = ROUTES[name]
        method, path, media_type = route.method, route.path.format(rating_id=target.rating_id), route.media_type
    headers = [(b"If-Match", tag.encode()), (b"Content-Type", media_type.encode())]
    asked = target.client.request(method, path, json=CHANGES.get(name), headers=headers)
    target.check_quiet(asked)
    answered = asked.json()
    assert (asked.status_code, answered["code"], answered["revision"]) == (412, "precondition-failed", 1)
    target.check_nothing_stored()


def test_a_correction_needs_a_tag(target: Target) -> None:
    refused = target.send("put-rating", json.dumps(bodies.rating(total=50.0)), {"Content-Type": "application/json"})
    assert (refused.status, refused.code) == (428, "precondition-required")
