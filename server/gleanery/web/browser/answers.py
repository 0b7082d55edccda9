"""What becomes of a document's answer: by its status and its type it is read, or is an error. No I/O."""

from __future__ import annotations

from collections.abc import Callable

from gleanery import errors
from gleanery.web.browser.blocked import blocked, refusal
from gleanery.web.browser.failures import egress_error, status_error
from gleanery.web.browser.visit import Answer, Visit
from gleanery.web.egress_message import REASON_HEADER, EgressReason
from gleanery.web.fetch import HTML_TYPES

Judge = Callable[[str, Answer], None]
"""Raises a FetchError for an answer to the URL that is of no use."""


def judge_document(url: str, answer: Answer) -> None:
    """For who wants documents: raises HttpStatus for 400 and above, NotHtml."""
    if answer.status >= 400:
        raise refused(url, answer)
    _check_type(url, answer)


def judge_shown(url: str, answer: Answer) -> None:
    """For who wants what a person sees, also when it is an error's page: raises PageBlocked, HttpStatus, NotHtml."""
    said = _egress_reason(answer)
    if said is not None:
        raise egress_error(url, answer.url, said)
    reason = refusal(answer.status, answer.headers)
    if reason is not None:
        raise blocked(url, answer.status, answer.headers, reason)
    is_page = not answer.content_type or answer.content_type in HTML_TYPES
    if answer.status >= 500 or (answer.status >= 400 and not is_page):
        raise status_error(url, answer.status, answer.headers.get("retry-after"))
    _check_type(url, answer)


def usable(visit: Visit, judge: Judge) -> Answer:
    """The answer that is shown now. Raises what `judge` raises of it, errors.RenderFailed when there was none."""
    if visit.failure is not None:
        raise visit.failure
    if visit.answer is None:
        raise no_answer(visit.url)
    judge(visit.url, visit.answer)
    return visit.answer


def refused(url: str, answer: Answer) -> errors.FetchError:
    """The error for an answer of 400 or above."""
    said = _egress_reason(answer)
    if said is not None:
        return egress_error(url, answer.url, said)
    return status_error(url, answer.status, answer.headers.get("retry-after"))


def no_answer(url: str) -> errors.RenderFailed:
    return errors.RenderFailed(url, "The browser showed no page.", reason="no_answer")


def not_html(url: str, content_type: str) -> errors.NotHtml:
    kind = content_type[:100]
    return errors.NotHtml(url, f"It is {kind or 'a file to download'}, not an HTML page.", content_type=kind)


def _check_type(url: str, answer: Answer) -> None:
    if answer.content_type and answer.content_type not in HTML_TYPES:
        raise not_html(url, answer.content_type)


def _egress_reason(answer: Answer) -> EgressReason | None:
    """Why the proxy itself answered, which no site can say."""
    said = answer.headers.get(REASON_HEADER.lower())
    return EgressReason(said) if said in set(EgressReason) else None
