from service.domain.commands import Result
from service.domain.decision import refused


def test_a_refusal_with_a_place() -> None:
    decision = refused("unknown-member", "/rater/id", "This case has a fixed list of members.")
    assert decision.result is Result.refused
    assert decision.refusal is not None
    assert [(fault.pointer, fault.code) for fault in decision.refusal.faults] == [("/rater/id", "unknown-member")]


def test_a_refusal_of_the_whole() -> None:
    decision = refused("rating-retracted", extra={"rating_id": "r1"})
    assert decision.refusal is not None
    assert (decision.refusal.faults, decision.refusal.extra) == ((), {"rating_id": "r1"})
    assert decision.rating_id is None
