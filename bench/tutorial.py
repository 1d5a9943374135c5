"""The service that somebody would write in an afternoon: sync endpoints, ORM objects, lazy loads, one session per
request. It judges with our rules engine, so that what is compared is the way of storing and serving, not the judging.

`python -m bench.tutorial ADDRESS PAST`: makes its tables in an empty database, fills in the past (JSON) and serves.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from sqlalchemy import JSON, Column, Engine
from sqlmodel import Field, Relationship, Session, SQLModel, create_engine, select

from bench.body import RatingIn
from bench.serving import serve
from bench.workload import MEMBERS, Past
from service.domain.assess import fold
from service.domain.carry import Carry, default_parameters
from service.domain.figures import figures
from service.domain.instruments import instruments
from service.domain.model import (
    Family,
    Member,
    MemberRole,
    Phase,
    RaterKind,
    SessionStatus,
    TherapySession,
)
from service.domain.model import Rating as Judged
from service.domain.scoring import score_answers

FAMILY = Family(
    members={member: Member(MemberRole(role)) for member, role in MEMBERS},
    subsystems={"parents": ("eva", "tom"), "youths": ("ana",)},
    therapists=("dr-7",),
)


class Case(SQLModel, table=True):
    id: str = Field(primary_key=True)
    visits: list["Visit"] = Relationship(back_populates="case")
    alerts: list["Alert"] = Relationship(back_populates="case")


class Visit(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    session_id: str = Field(index=True)
    case_id: str = Field(foreign_key="case.id", index=True)
    held_at: datetime | None = None
    case: Case = Relationship(back_populates="visits")
    ratings: list["Rating"] = Relationship(back_populates="visit")


class Rating(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    visit_id: int | None = Field(default=None, foreign_key="visit.id", index=True)
    rater_id: str
    role: str
    about: str
    instrument: str
    answers: dict[str, float] = Field(sa_column=Column(JSON))
    visit: Visit = Relationship(back_populates="ratings")


class Alert(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True)
    case_id: str = Field(foreign_key="case.id", index=True)
    rule: str
    subject: str
    opened: str
    severity: str
    state: str
    case: Case = Relationship(back_populates="alerts")


def judged(rating: Rating) -> Judged:
    """Return a stored rating as the rules see it; its scores are computed when they are needed."""
    return Judged(
        rater_kind=RaterKind.member,
        rater_id=rating.rater_id,
        about=rating.about,
        phase=Phase.post,
        instrument=rating.instrument,
        scores=score_answers(instruments()[rating.instrument], rating.answers),
        role=MemberRole(rating.role),
        not_alone=False,
    )


def as_session(visit: Visit) -> TherapySession:
    assert visit.held_at is not None
    return TherapySession(
        session_id=visit.session_id,
        held_at=visit.held_at,
        status=SessionStatus.held,
        therapists=("dr-7",),
        ratings=tuple(judged(rating) for rating in visit.ratings),
    )


def store(db: Session, body: RatingIn) -> tuple[Case, Visit]:
    """Add the rating, and its case and visit where they are new."""
    case = db.get(Case, body.case_id) or Case(id=body.case_id)
    db.add(case)
    visit = db.exec(
        select(Visit).where(Visit.case_id == body.case_id, Visit.session_id == body.session_id)
    ).one_or_none()
    if visit is None:
        visit = Visit(session_id=body.session_id, case_id=body.case_id, held_at=body.held_at)
        db.add(visit)
        db.commit()
        db.refresh(visit)
    rating = Rating(
        visit_id=visit.id,
        rater_id=body.rater.id,
        role=body.rater.role,
        about=body.about,
        instrument=body.instrument,
        answers=body.answers,
    )
    db.add(rating)
    db.commit()
    db.refresh(rating)
    return case, visit


def answer(db: Session, case: Case, visit: Visit) -> dict[str, Any]:
    """Judge the whole course, keep its alerts, and return what the session shows."""
    sessions = sorted((as_session(item) for item in case.visits), key=lambda item: item.position)
    steps, concerns = fold(Carry(), sessions, FAMILY, default_parameters())
    known = {(alert.rule, alert.subject, alert.opened): alert for alert in case.alerts}
    for concern in concerns.values():
        key = (concern.rule, ",".join(concern.subject), concern.opened_session_id)
        alert = known.get(key) or Alert(
            case_id=case.id, rule=key[0], subject=key[1], opened=key[2], severity="", state=""
        )
        alert.severity, alert.state = concern.severity.value, concern.state.value
        db.add(alert)
    db.commit()
    number = next(place for place, item in enumerate(sessions) if item.session_id == visit.session_id)
    shown = figures(steps[number].carry, sessions[number], FAMILY)
    return {"figures": asdict(shown), "alerts": [alert.model_dump() for alert in case.alerts]}


def create_app(engine: Engine) -> FastAPI:
    app = FastAPI(telemetry={"tracing": False, "metrics": False, "logs": False})

    def get_db() -> Iterator[Session]:
        with Session(engine) as db:
            yield db

    @app.post("/v1/ratings", status_code=201)
    def post_rating(body: RatingIn, db: Annotated[Session, Depends(get_db)]) -> dict[str, Any]:
        return answer(db, *store(db, body))

    return app


def fill(engine: Engine, past: Past) -> None:
    """Make the tables and put the past in them."""
    SQLModel.metadata.create_all(engine)
    visits: dict[tuple[str, str], Visit] = {}
    with Session(engine) as db:
        for body in past.ratings:
            key = (body["case_id"], body["session_id"])
            if key not in visits:
                if key[1] == "past-0":
                    db.add(Case(id=key[0]))
                visits[key] = Visit(session_id=key[1], case_id=key[0], held_at=datetime.fromisoformat(body["held_at"]))
                db.add(visits[key])
            db.add(
                Rating(
                    visit=visits[key],
                    rater_id=body["rater"]["id"],
                    role=body["rater"]["role"],
                    about="therapist",
                    instrument=body["instrument"],
                    answers=body["answers"],
                )
            )
        db.commit()


if __name__ == "__main__":
    database = create_engine(sys.argv[1])
    fill(database, Past(**json.loads(sys.argv[2])))
    serve(create_app(database))
