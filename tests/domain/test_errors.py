import pytest

from service.domain.errors import DomainError, Fault, InvalidAnswers, InvalidFamily, InvalidSession, UnknownInstrument


@pytest.mark.parametrize("kind", [InvalidAnswers, InvalidFamily, InvalidSession, UnknownInstrument])
def test_each_is_a_domain_error_that_tells_every_place(kind: type[DomainError]) -> None:
    error = kind(Fault("/answers/1", "out-of-range", "Outside."), Fault("/answers/2", "not-integer", "Whole."))
    assert isinstance(error, DomainError)
    assert str(error) == "out-of-range at /answers/1, not-integer at /answers/2"
    assert [fault.code for fault in error.faults] == ["out-of-range", "not-integer"]
