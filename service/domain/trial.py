"""Rules set otherwise on trial: what would be, had they been so from the beginning."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from service.domain.amending import Wish, amended
from service.domain.commands import Document
from service.domain.errors import Fault, InvalidParameters
from service.domain.parameters import checked
from service.domain.plain import freeze
from service.domain.rulebook import Mode, Rulebook, Setting
from service.domain.rules import rules


def checked_trial(book: Rulebook, program: str | None, sent: Mapping[str, Document], at: datetime) -> dict[str, Any]:
    """Return what is tried as it is kept: rule → mode and parameters, in the order of the rules' codes.

    Raises InvalidParameters with every fault, each within the rule that it is about: those that setting the rules so
    would have too.
    """
    faults: list[Fault] = []
    kept = {}
    for code in sorted(sent):
        if code not in rules():
            faults.append(Fault(f"/rules/{code}", "unknown-value", "There is no such rule."))
            continue
        mode, parameters = sent[code]["mode"], sent[code]["parameters"]
        try:
            amended(book, Wish(rule=code, program=program, mode=mode, parameters=parameters, key_id="", at=at))
        except InvalidParameters as invalid:
            faults += [replace(fault, pointer=f"/rules/{code}{fault.pointer}") for fault in invalid.faults]
            continue
        kept[code] = {"mode": freeze(mode), "parameters": checked(rules()[code], parameters)}
    if faults:
        raise InvalidParameters(*faults)
    return {"program": program, "rules": kept}


def tried(book: Rulebook, asked: Document, at: datetime) -> Rulebook:
    """Return a rulebook with what is tried set last, as if it had been put there."""
    program: str | None = asked["program"]
    last = [
        Setting(
            number=book.number + place,
            rule=code,
            program=program,
            version=len(book.versions((code, program))) + 1,
            mode=None if told["mode"] is None else Mode(told["mode"]),
            parameters=told["parameters"],
            key_id="",
            at=at,
        )
        for place, (code, told) in enumerate(sorted(asked["rules"].items()), 1)
    ]
    return Rulebook((*book.settings, *last), book.forms)
