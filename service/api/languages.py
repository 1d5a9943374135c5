"""The languages in which ready text is told, and what a phone may show of any alert on a locked screen."""

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import Response

from service.api.answers import READING, answer
from service.api.documents import Document
from service.api.keyed import KeyedRequest, KeyedRoute, needs
from service.api.paging import Page
from service.domain.notices import LOCK_SCREEN, NOTICE
from service.languages import NAMES, language

router = APIRouter(route_class=KeyedRoute, tags=["catalogues"])


class LanguagePublic(BaseModel):
    """A language, what Evenkeel is not in it, and one line that is true of every alert."""

    code: str = Field(description="as in Accept-Language")
    name: str = Field(description="as the language calls itself")
    lock_screen: str = Field(description="for a push on a locked screen; it tells nothing of whom, of what, how grave")
    notice: str


@router.get("/v1/languages", response_model=Page[LanguagePublic], responses=READING, openapi_extra=needs(tokens=True))
async def list_languages(request: KeyedRequest) -> Response:
    """Return every language in which alerts, briefings and rules can be read; ask for one by Accept-Language."""
    return answer({"items": [language_document(code) for code in NAMES], "next_cursor": None})


def language_document(code: str) -> Document:
    """Return a language as the catalogue shows it."""
    say = language(code).say
    return {"code": code, "name": NAMES[code], "lock_screen": say(LOCK_SCREEN), "notice": say(NOTICE)}
