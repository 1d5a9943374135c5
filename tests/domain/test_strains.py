import pytest

from service.domain.model import Phase, Rating, SessionStatus, TherapySession
from service.domain.moment import Moment
from service.domain.strains import Report, reports_of
from tests.factories import family, rating, therapy_session


def said(who: str, about: str = "", phase: Phase = Phase.post, **answers: float) -> Rating:
    named = about or ("therapist" if who in ("ana", "eva") else "family")
    return rating(who, instrument="strain", answers=answers, about=named, phase=phase)


def reports(session: TherapySession) -> tuple[Report, ...]:
    return reports_of(Moment(session, 1, family(), {}))


TOLD = [
    (said("ana", strain=4, settled=2), Report("member/ana", "member/ana", 4, 2)),
    (said("ana", strain=4), Report("member/ana", "member/ana", 4, None)),
    (said("ana", strain=0), Report("member/ana", "member/ana", 0, None)),
    (said("ana", settled=5), Report("member/ana", "member/ana", None, 5)),
    (said("ana", "member/eva", strain=3), Report("member/ana", "member/ana", 3, None)),  # hers, whomever it names
    (said("dr-7", strain=3, settled=1), Report("therapist/dr-7", "family", 3, 1)),
    (said("dr-7", "member/eva", strain=3), Report("therapist/dr-7", "member/eva", 3, None)),
    (said("dr-7", "subsystem/parents", strain=3), Report("therapist/dr-7", "family", 3, None)),
    (said("dr-7", "therapist", strain=3), Report("therapist/dr-7", "family", 3, None)),  # never of the therapist
]


@pytest.mark.parametrize(("told", "report"), TOLD)
def test_a_report_is_as_it_was_given(told: Rating, report: Report) -> None:
    assert reports(therapy_session(1, told, rating("eva", 50))) == (report,)


def test_a_session_that_was_not_held_and_a_form_before_it_report_nothing() -> None:
    assert reports(therapy_session(1, said("ana", strain=5), status=SessionStatus.no_show)) == ()
    assert reports(therapy_session(1, said("ana", phase=Phase.pre, strain=5))) == ()


@pytest.mark.parametrize(("strength", "none"), [(0, True), (1, False), (5, False), (None, False)])
def test_who_says_how_settled_it_is_speaks_of_some(strength: float | None, none: bool) -> None:
    assert Report("member/ana", "member/ana", strength, None).is_of_none is none
