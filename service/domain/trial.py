"""Rules set otherwise on trial: what would be, had they been so from the beginning."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from service.domain.commands import Document
from service.domain.errors import Fault, InvalidParameters
from service.domain.parameters import checked
from service.domain.rulebook import Mode, Rulebook, Setting
from service.domain.rules import rules


def checked_trial(program: str | None, sent: Mapping[str, Document]) -> dict[str, Any]:
    """Return what is tried as it is kept: rule → mode and parameters, in the order of the rules' codes.

    Raises InvalidParameters with every fault, each within the rule that it is about.
    """
    faults: list[Fault] = []
    kept = {}
    for code in sorted(sent):
        if code not in rules():
            faults.append(Fault(f"/rules/{code}", "unknown-value", "There is no such rule."))
            continue
        try:
            parameters = checked(rules()[code], sent[code]["parameters"])
        except InvalidParameters as invalid:
            faults += [replace(fault, pointer=f"/rules/{code}{fault.pointer}") for fault in invalid.faults]
            continue
        mode = sent[code]["mode"]
        kept[code] = {"mode": None if mode is None else Mode(mode).value, "parameters": parameters}
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
