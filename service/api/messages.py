"""What a webhook is sent, described for whoever receives it; nothing here is ever called."""

from typing import Annotated, Any

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field

from service.api.contract import operation_id
from service.domain.delivery import Event
from service.domain.model import Severity

router = APIRouter(tags=["webhooks"], generate_unique_id_function=operation_id)


class AboutPublic(BaseModel):
    """Which alert it is, and how grave it was at that moment; a test is about none."""

    alert_id: str | None = None
    case_id: str | None = None
    revision: int | None = None
    severity: Severity | None = None


class MessagePublic(BaseModel):
    """Something about an alert changed: ask for it by its id to see what. Messages may come late, twice or in another
    order; the alert's `revision` tells which change is the later one.
    """

    type: Event
    timestamp: str = Field(description="when it happened")
    data: AboutPublic


OTHERS: dict[int | str, dict[str, Any]] = {
    410: {"description": "The receiver is gone; nothing more is sent"},
    "4XX": {"description": "Not taken; it is tried again, after Retry-After if that is later"},
    "5XX": {"description": "Not taken; it is tried again, after Retry-After if that is later"},
}


@router.post("alert", status_code=204, responses=OTHERS)
async def receive_message(
    body: MessagePublic,
    webhook_id: Annotated[str, Header(description="the same at every attempt; leave out what you have had")],
    webhook_timestamp: Annotated[int, Header(description="of the attempt, in seconds since 1970")],
    webhook_signature: Annotated[str, Header(description="one for each valid secret, `v1,` and base64, space between")],
) -> None:
    """Take in a message within 15 seconds; what is not taken is tried again for three days. No redirect is followed."""
