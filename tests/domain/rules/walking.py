"""Whole small courses through the fold, seen with the eyes of one rule."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import Any

from service.db.sealing import seal, unseal_carry
from service.domain.assess import Step, fold
from service.domain.carry import Carry, default_parameters
from service.domain.concern import Concern, State
from service.domain.grounds import found_again, grounds_of
from service.domain.model import Family, TherapySession
from service.domain.rules import rules
from tests.factories import indicator, rating, therapy_session


def walk(sessions: Sequence[TherapySession], family: Family) -> list[Step]:
    """Fold a course from its first session with every rule's own parameters."""
    steps, _ = fold(Carry(), sessions, family, default_parameters())
    return steps


def concerns_of(code: str, sessions: Sequence[TherapySession], family: Family) -> list[Concern]:
    """Return every concern of a rule as it stands after the last session, in the order of opening.

    Each is found again from its grounds on the way, so that it is of every rule, in every course of its twin.
    """
    steps, concerns = fold(Carry(), sessions, family, default_parameters())
    found = sorted((item for item in concerns.values() if item.rule == code), key=lambda item: item.opened_held_at)
    for concern in found:
        assert_found_again(concern, sessions, steps, family)
    return found


def assert_found_again(
    concern: Concern, sessions: Sequence[TherapySession], steps: Sequence[Step], family: Family
) -> None:
    """Hold that a concern's grounds, stored as text and read back, show again what it shows."""
    opening = next(place for place, item in enumerate(sessions) if item.session_id == concern.opened_session_id)
    before = steps[opening - 1].carry if opening else Carry()
    fired = [item for item in sessions[opening:] if item.held_at <= concern.last_held_at]
    grounds = grounds_of(concern, before, fired, family, default_parameters())
    assert 1 <= len(grounds) <= 2, f"{concern.rule}: the grounds do not show it again; does `after` name all it reads?"
    read = [replace(ground, before=unseal_carry(seal(ground.before))) for ground in grounds]
    assert found_again(read, concern.rule, concern.subject) == concern.signal


def states_of(code: str, sessions: Sequence[TherapySession], family: Family) -> list[State | None]:
    """Return the state of a rule's one concern after each session; None before it opens."""
    found = []
    for step in walk(sessions, family):
        mine = [item for item in step.concerns if item.rule == code]
        assert len(mine) <= 1
        found.append(mine[0].state if mine else None)
    return found


def memories_of(code: str, sessions: Sequence[TherapySession], family: Family) -> Iterator[Any]:
    """Yield a rule's memory after each session, each having been stored as text and read back as the same."""
    for step in walk(sessions, family):
        memory = step.carry.memories.get(code)
        assert unseal_carry(seal(step.carry)).memories.get(code) == memory
        yield rules()[code].memory if memory is None else memory


def long_course(seed: int, length: int = 200) -> list[TherapySession]:
    """Return a long course in which everybody rates now and then and anything may be seen; fixed by its seed."""
    chance = Random(seed)
    return [_session(number, chance) for number in range(1, length + 1)]


def _session(number: int, chance: Random) -> TherapySession:
    there = [member for member in ("eva", "tom", "ana", "oma") if chance.random() < 0.8]
    kinds = (
        ("hostility", there, "dr-7"),
        ("blame", there, "tom"),
        ("side-taking", ["dr-7"], "eva"),
        ("withdrawal", there, None),
        ("rejects", there, "dr-7"),
        ("guardedness", there, "eva"),
        ("judging", ["dr-7"], "ana"),
        ("cedes-control", ["dr-7"], "tom"),
    )
    seen = [
        indicator(kind, chance.choice(who), toward, chance.randint(1, 3))
        for kind, who, toward in kinds
        if who and chance.random() < 0.3
    ]
    ratings = (rating(member, chance.randint(400, 1000) / 10) for member in there)
    looked = bool(seen) or chance.random() < 0.5
    return therapy_session(number, *ratings, indicators=tuple(seen), indicators_observed=looked)
