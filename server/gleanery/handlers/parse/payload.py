"""What a parse is asked to do: the body of `POST /web-pages/parse` and the payload of tasks of type `parse_page`."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from gleanery.model.parses import Size
from gleanery.store.parses import Secrets
from gleanery.web.urls import parse_url, split_url, url_key

MASK = "•••"
"""Stands in a payload for a value that is kept apart."""

_UNIMPORTANT = frozenset({"url", "timeout_seconds", "force_refresh"})
"""What a parse may be asked for that its page does not depend on; the URL counts by its key."""


def _sized(value: Any) -> Any:
    if isinstance(value, str) and value != "vary":
        raise PydanticCustomError("viewport", 'must be an object of width and height, or "vary"')
    return value


class CookieBody(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1, max_length=256)
    value: str = Field(max_length=4096)
    domain: str | None = Field(None, max_length=253, description="Unset: the host of the URL.")
    path: str = Field("/", max_length=1024)
    secure: bool = False
    http_only: bool = False


class ParsePayload(BaseModel):
    """What to parse, and how. In a task that is kept the values of headers and cookies are masked: see `Secrets`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(max_length=8192, description="The page to parse.")
    wait_for: str | None = Field(None, max_length=1000, description="A CSS selector that must be visible first.")
    wait_until: Literal["settled", "domcontentloaded", "load", "networkidle"] = Field(
        "settled", description="When the page counts as shown."
    )
    timeout_seconds: float = Field(30.0, ge=1, le=300, description="Longest that one attempt may take.")
    viewport: Annotated[Size | Literal["vary"] | None, BeforeValidator(_sized)] = Field(
        None,
        description="Width and height in CSS pixels, 1280 × 720 unless said; `vary` takes a common size by chance.",
    )
    full_page: bool = Field(True, description="Take the screenshot of the whole page, not just of the viewport.")
    screenshot: bool = Field(True, description="Take a screenshot.")
    include_dom: bool = Field(False, description="Give the compact tree of the document too.")
    headers: dict[str, str] = Field(
        default_factory=dict, max_length=50, description="Sent to the host of the URL and to no other."
    )
    cookies: list[CookieBody] = Field(
        default_factory=list, max_length=50, description="There before the page is asked for."
    )
    user_agent: str | None = Field(
        None,
        max_length=512,
        description="How the browser names itself; unset: gleanery's own honest name; `vary`: as a common browser.",
    )
    force_refresh: bool = Field(False, description="Load the page anew, whatever is kept.")

    def secrets(self) -> Secrets | None:
        """What must not be shown; None where there is nothing."""
        if not self.headers and not self.cookies:
            return None
        return Secrets(dict(self.headers), tuple(cookie.value for cookie in self.cookies))

    def masked(self) -> ParsePayload:
        cookies = [cookie.model_copy(update={"value": MASK}) for cookie in self.cookies]
        return self.model_copy(update={"headers": dict.fromkeys(self.headers, MASK), "cookies": cookies})

    def unmasked(self, secrets: Secrets) -> ParsePayload:
        cookies = [
            cookie.model_copy(update={"value": value})
            for cookie, value in zip(self.cookies, secrets.cookies, strict=True)
        ]
        return self.model_copy(update={"headers": dict(secrets.headers), "cookies": cookies})


def cache_key(payload: ParsePayload, key: bytes) -> str:
    """Equal for requests that ask for the same. Keyed, so that nobody can try out values of cookies on it."""
    href = parse_url(payload.url, keep_route=True)
    said: dict[str, Any] = payload.model_dump(mode="json", exclude=set(_UNIMPORTANT))
    said["headers"] = sorted((name.lower(), value) for name, value in payload.headers.items())
    said["full_page"] = payload.screenshot and payload.full_page
    text = json.dumps([split_url(href).scheme, url_key(href), said], sort_keys=True)
    return f"parse:{hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), key=key[:64], digest_size=16).hexdigest()}"
