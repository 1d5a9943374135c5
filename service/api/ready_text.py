"""Ready text: what an alert says to a reader, in two lengths, and what may be tried, with whom; in their language."""

from functools import cache

from service.api.documents import Document
from service.domain.circumstances import Circumstances
from service.domain.concern import Concern
from service.domain.next_steps import HOLD_TEXT, minded, offered, words_of
from service.domain.only_with import WORDS, OnlyWith, only_with
from service.domain.rules import rules
from service.languages import Language


def ready_text(concern: Concern, case: Circumstances, language: Language) -> Document:
    """Return the title of an alert, its text and its next steps, as the circumstances of its case ask for."""
    raised_by = concern.raised.by if concern.raised else None
    members = sum(who.startswith("member/") for who in concern.subject)
    return _made(concern.rule, concern.signal.route, raised_by, members, case, language)


@cache
def _made(
    code: str, route: str, raised_by: str | None, members: int, case: Circumstances, language: Language
) -> Document:
    """Return the same, made once: there are as many as routes, circumstances and languages, whoever they are about."""
    rule, raising = rules().get(code), rules().get(raised_by or "")
    if rule is None:
        return {"title": code, "text": "", "next_steps": []}  # it is gone, its alerts are not
    said = (rule.texts[route], *((raising.texts["default"],) if raising else ()))
    apart = any(HOLD_TEXT in text for text in said)
    return {
        "title": language.say(rule.title_of(route)),
        "text": " ".join(language.say(text) for text in minded(case, *said)),
        "next_steps": [
            _next_step(step, only_with(code, step, members, case, apart), case, language)
            for step in offered(code, rule.next_steps, case, apart)
        ],
    }


def _next_step(step: str, company: OnlyWith, case: Circumstances, language: Language) -> Document:
    return {
        "code": step,
        "text": language.say(words_of(step, case)),
        "only_with": {"code": company.value, "text": language.say(WORDS[company])},
    }
