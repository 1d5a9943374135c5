"""Request bodies of the cast, as an EHR sends them: plain JSON, the usual first, what differs by name."""

from typing import Any

from service.domain.model import RaterKind
from tests.factories import CASE, held_at, kind_of, role_of, srs

Document = dict[str, Any]
DEVICE: Document = {
    "endpoint": "https://push.example.org/send/secret-of-a-device",
    "expirationTime": None,
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
"""What a browser gives of itself, with the keys of the example in RFC 8291."""
MADE_BY_SERVICE = ("received_at", "changed_at", "created_at")


def rating(who: str = "ana", total: float = 90.0, number: int = 1, **facts: Any) -> Document:
    """Return an SRS of a total in percent by somebody of the cast for the session of a number; None leaves out."""
    kind, role = kind_of(who), role_of(who)
    body: Document = {
        "case_id": CASE,
        "session_id": f"s{number}",
        "held_at": at(number),
        "rater": {"id": who, "role": role.value if kind is RaterKind.member and role else kind.value},
        "instrument": "srs",
        "answers": srs(round(total / 10, 1)),
    }
    if kind is not RaterKind.member:
        body["about"] = "family"
    return {name: value for name, value in {**body, **facts}.items() if value is not None}


def at(number: int) -> str:
    """Return when the session of a number takes place, as text."""
    return held_at(number).isoformat()


def members(*who: str, **roles: str) -> Document:
    """Return members of the cast in their roles; named ones in others."""
    told = {member: role.value for member in who if (role := role_of(member))}
    return {member: {"role": role} for member, role in {**told, **roles}.items()}


def indicator(kind: str = "hostility", severity: int = 2, **facts: Any) -> Document:
    """Return Ana's behaviour toward the therapist, as the observer reports it."""
    usual = {"kind": kind, "from": "member/ana", "toward": "therapist/dr-7", "severity": severity}
    return {**usual, "source": "observer/o1", **facts}


def repair(key: str = "r-1", **facts: Any) -> Document:
    """Return what dr-7 tried with Ana, and that it went well."""
    return {"id": key, "next_step": "check-in", "went": 4, "with": ["member/ana"], "by": "dr-7", **facts}


def episode(*alert_ids: str, key: str = "e-1", **facts: Any) -> Document:
    """Return what dr-7 confirms of some alerts: one episode with Ana over two sessions, repaired."""
    usual = {"first_session_id": "s1", "last_session_id": "s2", "members": ["member/ana"], "tried": ["check-in"]}
    return {"id": key, "alert_ids": list(alert_ids), **usual, "outcome": "repaired", "by": "dr-7", **facts}


def backtest(key: str = "b-1", mode: str = "off", **parameters: Any) -> Document:
    """Return a backtest of bond loss, turned off or set otherwise."""
    return {"id": key, "rules": {"trust-bond-loss": {"mode": mode, "parameters": parameters}}}


def session(number: int = 1, **facts: Any) -> Document:
    """Return an announced session of a number."""
    return {"held_at": at(number), **facts}


def calm(number: int) -> Document:
    """Return a session to which Ana came and in which nothing was seen; two after a hostile one are good news."""
    return session(number, indicators_observed=True, attendance={"ana": "attended"})


def hostile(number: int = 1, severity: int = 2, **facts: Any) -> Document:
    """Return a session in which Ana was hostile to the therapist."""
    seen = {"i1": indicator(severity=severity)}
    return session(number, indicators_observed=True, indicators=seen, **facts)
