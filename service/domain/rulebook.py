"""What an organization sets its rules to, over time: every setting stays, and says by what each session is judged.

A setting holds for sessions held from its time on. So what was judged stays as it was judged, a late form is judged as
it would have been in time, and the order in which things arrive never matters. A case that is founded, or judged anew,
after some settings is judged by nothing older, its first sessions included.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from service.domain.carry import Given, default_parameters
from service.domain.parameters import overlaid
from service.domain.rules import rules


class Mode(StrEnum):
    """Whether a rule speaks; in shadow it speaks to those alone who ask for it."""

    on = "on"
    shadow = "shadow"
    off = "off"


Target = tuple[str, str | None]  # rule, and the program for which it is set; None: the organization itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One rule as it was once set; what a program leaves open is the organization's, what that leaves open is ours.

    `number` counts all settings of the organization, `version` those of this rule and program; `parameters` are plain.
    """

    number: int
    rule: str
    program: str | None
    version: int
    mode: Mode | None
    parameters: Mapping[str, Any]
    key_id: str
    at: datetime

    @property
    def target(self) -> Target:
        return (self.rule, self.program)


@dataclass(frozen=True)  # without slots, so that names are made once
class History:
    """What judges a course: `first` from its beginning, each later one from its time on."""

    first: Given
    later: tuple[tuple[datetime, Given], ...] = ()

    @cached_property
    def times(self) -> tuple[datetime, ...]:
        return tuple(at for at, _ in self.later)

    def place_at(self, held_at: datetime | None) -> int:
        """Return how many of the later ones are in force by then; None is the end of time."""
        return len(self.later) if held_at is None else bisect_right(self.times, held_at)

    def at(self, held_at: datetime | None) -> Given:
        """Return what judges a session held at a time."""
        place = self.place_at(held_at)
        return self.later[place - 1][1] if place else self.first

    def name_at(self, held_at: datetime | None) -> str:
        """Return the name of all that judged a course until then."""
        known = self.later[: self.place_at(held_at)]
        return "\n".join([self.first.name, *(f"{at.isoformat()} {given.name}" for at, given in known)])


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All settings of one organization, in the order in which they were made."""

    settings: tuple[Setting, ...] = ()
    histories: dict[tuple[str | None, int], History] = field(default_factory=dict, compare=False, repr=False)

    @property
    def number(self) -> int:
        return self.settings[-1].number if self.settings else 0

    def versions(self, target: Target) -> list[Setting]:
        """Return the settings of a rule for the organization or one program, the oldest first."""
        return [setting for setting in self.settings if setting.target == target]

    def given(self, program: str | None) -> Given:
        """Return what judges a session of a program that is held now."""
        return self.history(program, self.number).first

    def history(self, program: str | None, since: int) -> History:
        """Return what judges a course of a program; settings before number `since` are superseded from the start."""
        asked = (program, since)
        if asked not in self.histories:
            self.histories[asked] = self._history(program, since)
        return self.histories[asked]

    def _history(self, program: str | None, since: int) -> History:
        concerning = [setting for setting in self.settings if setting.program in (None, program)]
        current = {setting.target: setting for setting in concerning if setting.number <= since}
        first = last = _given(current, program)
        later: list[tuple[datetime, Given]] = []
        for setting in concerning:
            if setting.number > since:
                current[setting.target] = setting
                now = _given(current, program)
                if now != last:
                    later.append((setting.at, now))
                    last = now
        return History(first, tuple(later))


EMPTY = Rulebook()


def layers(current: Mapping[Target, Setting], rule: str, program: str | None) -> list[Setting]:
    """Return the settings that make up a rule in a program: the organization's, then the program's own."""
    targets: Iterable[Target] = ((rule, None),) if program is None else ((rule, None), (rule, program))
    return [current[target] for target in targets if target in current]


def mode_of(settings: Iterable[Setting]) -> Mode:
    """Return the mode that the last of some layers names; on where none does."""
    told = [setting.mode for setting in settings if setting.mode is not None]
    return told[-1] if told else Mode.on


def mode_in(given: Given, code: str) -> Mode:
    """Return the mode of a rule where some session is judged."""
    if code in given.off:
        return Mode.off
    return Mode.shadow if code in given.shadow else Mode.on


def _given(current: Mapping[Target, Setting], program: str | None) -> Given:
    if not current:
        return default_parameters()
    found = {code: layers(current, code, program) for code in rules()}
    parameters = {
        code: overlaid(rule.parameters, *(setting.parameters for setting in found[code]))
        for code, rule in rules().items()
    }
    modes = {code: mode_of(settings) for code, settings in found.items()}
    return Given(
        parameters,
        frozenset(code for code, mode in modes.items() if mode is Mode.shadow),
        frozenset(code for code, mode in modes.items() if mode is Mode.off),
    )
