from dataclasses import replace

from service.domain.commands import PostRating, Refusal, Result, RetractionReason
from service.domain.errors import Fault
from tests.factories import KEY, NOW, rating_facts, srs


def test_the_natural_key_of_a_rating() -> None:
    key = rating_facts("ana", session_id="enc-9").natural_key
    assert key == ("fam-42", "enc-9", "member", "ana", "therapist", "srs", "post")


def test_facts_are_equal_whatever_was_computed_from_them() -> None:
    facts = rating_facts(answers=srs(9))
    assert replace(facts, scores={}) == facts
    assert replace(facts, record_version=2) != facts


def test_a_command_is_live_and_shown_unless_it_says_otherwise() -> None:
    command = PostRating(key_id=KEY, received_at=NOW, facts=rating_facts())
    assert not command.backfill
    assert command.shown


def test_the_words_of_the_contract() -> None:
    assert {reason.value for reason in RetractionReason} == {"entered-in-error", "wrong-member", "withdrawn"}
    assert {result.value for result in Result} == {"created", "same", "changed", "stale", "refused"}


def test_a_refusal_carries_faults_and_what_else_the_answer_needs() -> None:
    bare = Refusal("not-found")
    assert (bare.faults, bare.extra) == ((), {})
    fault = Fault("/about", "immutable", "Retract the rating and post it anew.")
    assert Refusal("immutable", (fault,)).faults[0].pointer == "/about"
