"""What an organization sets its rules to, over time: every setting stays, and says by what each session is judged.

A setting holds for sessions held from its time on. So what was judged stays as it was judged, a late form is judged as
it would have been in time, and the order in which things arrive never matters. A case that is founded, or judged anew,
after some settings is judged by nothing older, its first sessions included.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from service.domain.carry import Given, default_parameters
from service.domain.parameters import overlaid
from service.domain.references import OwnReference, References, in_force
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSetting:
    """All own references of one form as they were once set, for every program; numbered with the settings of rules."""

    number: int
    instrument: str
    version: int
    references: tuple[OwnReference, ...]
    key_id: str
    at: datetime


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


@dataclass(frozen=True)  # without slots, so that histories are made once
class Rulebook:
    """All settings of one organization, those of rules and those of forms in the order in which they were made."""

    settings: tuple[Setting, ...] = ()
    forms: tuple[ReferenceSetting, ...] = ()
    histories: dict[tuple[str | None, int], History] = field(default_factory=dict, compare=False, repr=False)

    @property
    def number(self) -> int:
        return max((told[-1].number for told in (self.settings, self.forms) if told), default=0)

    @property
    def last_at(self) -> datetime | None:
        """Return when the last setting of all was made; None where there is none."""
        return max((told[-1].at for told in (self.settings, self.forms) if told), default=None)

    @property
    def references(self) -> References:
        """Return the references in force now."""
        return self.given(None).references

    def versions(self, target: Target) -> list[Setting]:
        """Return the settings of a rule for the organization or one program, the oldest first."""
        return [setting for setting in self.settings if setting.target == target]

    def references_of(self, instrument: str) -> list[ReferenceSetting]:
        """Return what the references of a form were set to, the oldest first."""
        return [setting for setting in self.forms if setting.instrument == instrument]

    def current(self) -> dict[Target, Setting]:
        """Return the last setting of each rule in each place."""
        return {setting.target: setting for setting in self.settings}

    def given(self, program: str | None) -> Given:
        """Return what judges a session of a program that is held now."""
        return self.history(program, self.number).first

    def history(self, program: str | None, since: int) -> History:
        """Return what judges a course of a program; settings before number `since` are superseded from the start."""
        asked = (program if program in self.programs else None, since)  # as many as were set, however many there are
        if asked not in self.histories:
            self.histories[asked] = self._history(*asked)
        return self.histories[asked]

    @cached_property
    def programs(self) -> frozenset[str | None]:
        """Return the programs for which a rule was set."""
        return frozenset(setting.program for setting in self.settings)

    def _history(self, program: str | None, since: int) -> History:
        own = (setting for setting in self.settings if setting.program in (None, program))
        told: list[Setting | ReferenceSetting] = sorted([*own, *self.forms], key=lambda setting: setting.number)
        current = InForce()
        for setting in told:
            if setting.number <= since:
                current.set(setting)
        first = last = current.given(program)
        later: list[tuple[datetime, Given]] = []
        for setting in told:
            if setting.number > since:
                current.set(setting)
                now = current.given(program)
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


@dataclass(slots=True)
class InForce:
    """What is in force while the settings of an organization are read one after the other."""

    rules: dict[Target, Setting] = field(default_factory=dict)
    forms: dict[str, ReferenceSetting] = field(default_factory=dict)

    def set(self, setting: Setting | ReferenceSetting) -> None:
        """Let a setting take the place of the one before it."""
        if isinstance(setting, ReferenceSetting):
            self.forms[setting.instrument] = setting
        else:
            self.rules[setting.target] = setting

    def given(self, program: str | None) -> Given:
        """Return what judges a session of a program now."""
        given = _given(self.rules, program)
        references = in_force({code: setting.references for code, setting in self.forms.items()})
        return replace(given, references=references) if references.known else given


def _given(current: Mapping[Target, Setting], program: str | None) -> Given:
    if not current:
        return default_parameters()
    found = {code: layers(current, code, program) for code in rules()}
    parameters = {
        code: overlaid(rule, *(setting.parameters for setting in found[code])) for code, rule in rules().items()
    }
    modes = {code: mode_of(settings) for code, settings in found.items()}
    return Given(
        parameters,
        frozenset(code for code, mode in modes.items() if mode is Mode.shadow),
        frozenset(code for code, mode in modes.items() if mode is Mode.off),
    )
