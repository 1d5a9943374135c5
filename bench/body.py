"""The body of POST /v1/ratings as a plain model, for the services that ours is compared with."""

from datetime import datetime

from pydantic import BaseModel


class Rater(BaseModel):
    id: str
    role: str


class RatingIn(BaseModel):
    case_id: str
    session_id: str
    held_at: datetime | None = None
    rater: Rater
    about: str = "therapist"
    phase: str = "post"
    instrument: str
    answers: dict[str, float]
