"""What the domain refuses, each with the place of the fault and never its value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one input: a JSON Pointer, a kebab-case code and a sentence without the offending value."""

    pointer: str
    code: str
    detail: str


class DomainError(Exception):
    """The input breaks a rule of the domain; `faults` say where."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(", ".join(f"{fault.code} at {fault.pointer}" for fault in faults))
        self.faults = faults


class UnknownInstrument(DomainError):
    """No instrument has this code."""


class InvalidAnswers(DomainError):
    """Answers or scores do not fit their instrument."""


class InvalidFamily(DomainError):
    """The facts of a case contradict each other."""


class InvalidSession(DomainError):
    """The facts of a therapy session contradict each other."""


class InvalidParameters(DomainError):
    """Parameters do not fit their rule."""


class InvalidReferences(DomainError):
    """References do not fit their instrument."""
