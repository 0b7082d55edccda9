"""What a server that refuses texts means by it: each cause an error of its own, with what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gleanery.errors import (
    EmbedError,
    EmbedKeyRefused,
    EmbedMismatch,
    EmbedModelUnknown,
    EmbedQuotaSpent,
    EmbedRateLimited,
    EmbedTextRefused,
    EmbedUnavailable,
    EmbedWrongDimensions,
)


class TextFault(StrEnum):
    TOO_LONG = "text_too_long"
    FILTERED = "content_filtered"
    NO_VECTOR = "no_vector"
    REFUSED = "text_refused"


@dataclass(frozen=True)
class Refusal:
    """An answer that is no success, as the API's error object tells it."""

    host: str
    model: str
    status: int
    code: str
    type: str
    message: str
    retry_after: float | None = None


_QUOTA = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
_NO_MODEL = frozenset({"model_not_found", "invalid_model", "unknown_model"})
_FILTERED = re.compile(r"content[ _-]?(filter|policy|management)|moderation|safety", re.IGNORECASE)
_TOO_LONG = re.compile(
    r"too (long|large|many tokens)|maximum (context|input)|context[ _]length|max(imum)?[ _](input[ _])?(length|tokens)"
    r"|exceed\w* .{0,40}(token|length|context)|input is larger",
    re.IGNORECASE | re.DOTALL,
)
_TOO_MANY = re.compile(r"batch|array too|too many (inputs|items|texts)", re.IGNORECASE)
_QUOTED = 300


def error_of(refusal: Refusal) -> EmbedError:
    """The error that a refusal stands for. Sentences never repeat what a server says about a key: it may quote it."""
    host, status = refusal.host, refusal.status
    facts: dict[str, Any] = {"status": status, "model": refusal.model}
    if status == 402 or not _QUOTA.isdisjoint((refusal.code, refusal.type)):
        return EmbedQuotaSpent(f"The account at {host} has no quota left: add credit or set another key.", **facts)
    if status in (401, 403):
        return EmbedKeyRefused(f"{host} refused the API key: set a valid OPENAI_API_KEY.", **facts)
    if status == 404 or refusal.code in _NO_MODEL:
        return EmbedModelUnknown(
            f"{host} serves no embedding model {refusal.model!r}: check its name and OPENAI_BASE_URL.", **facts
        )
    if status == 429:
        message = f"{host} asks for fewer requests: set GLEANERY_EMBEDDING_REQUESTS_PER_MINUTE or …_TOKENS_PER_MINUTE."
        return EmbedRateLimited(message, retry_after=refusal.retry_after, **facts)
    if status in (408, 409, 425) or status >= 500:
        message = f"{host} has no room for this now (status {status})."
        return EmbedUnavailable(message, retry_after=refusal.retry_after, **facts)
    if status < 400:
        return EmbedMismatch(f"{host} sends the request elsewhere (status {status}): set that URL itself.", **facts)
    return _of_the_request(refusal, facts)


def _of_the_request(refusal: Refusal, facts: dict[str, Any]) -> EmbedError:
    """A 4xx that says that the request is wrong: its dimensions, or one of its texts."""
    said = " ".join(refusal.message.split())[:_QUOTED]
    facts["said"] = said
    if "dimension" in said.lower():
        return EmbedWrongDimensions(
            f"{refusal.host} can't give vectors of that length with {refusal.model!r}: unset the dimensions. It says: {said}",
            **facts,
        )
    fault = fault_of(refusal)
    hint = ": set fewer tokens a text (GLEANERY_EMBEDDING_MAX_TOKENS)" if fault is TextFault.TOO_LONG else ""
    return EmbedTextRefused(
        f"{refusal.host} refused a text for the embedding model {refusal.model!r}{hint}. It says: {said}",
        reason=str(fault),
        is_batch=bool(_TOO_MANY.search(said)),
        **facts,
    )


def fault_of(refusal: Refusal) -> TextFault:
    """Why the server doesn't want a text, by what it says."""
    words = f"{refusal.code} {refusal.message}"
    if _FILTERED.search(words):
        return TextFault.FILTERED
    if refusal.status == 413 or _TOO_LONG.search(words):
        return TextFault.TOO_LONG
    return TextFault.REFUSED
