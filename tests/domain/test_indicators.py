from service.domain.indicators import KINDS, NEGATIVE_KINDS, POSITIVE_KINDS


def test_the_published_kinds() -> None:
    negative = """
        hostility sarcasm complaint blame negativity passive-aggression withdrawal minimal-response appeasing denial
        rejects task-refusal disagreement-goals disagreement-tasks disagreement-attendance distrust guardedness
        side-taking judging rushing detached rigid blaming uninterested cedes-control over-reliance
    """
    assert set(negative.split()) == NEGATIVE_KINDS
    assert {"engages", "connects", "opens-up", "shared-purpose", "compromise"} == POSITIVE_KINDS


def test_a_kind_is_good_or_bad_and_never_both() -> None:
    assert not NEGATIVE_KINDS & POSITIVE_KINDS
    assert KINDS == NEGATIVE_KINDS | POSITIVE_KINDS


def test_an_allegation_is_no_kind_of_indicator() -> None:
    assert not any(word in kind for kind in KINDS for word in ("abuse", "violence", "suicide", "allegation"))
