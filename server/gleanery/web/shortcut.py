"""Shortcut's REST API (v3): a story read, searched for, changed and commented. Only this host is asked, through the guard.

Its documentation: https://developer.shortcut.com/api/rest/v3. 200 requests a minute; the token goes in `Shortcut-Token`.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import ssl
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp
from aiohttp.abc import AbstractResolver
from pydantic import BaseModel, ConfigDict, ValidationError
from yarl import URL as YarlUrl

from gleanery import errors
from gleanery.model.stories import RelatedStory, Story
from gleanery.web.fetch import retry_after_seconds, translate
from gleanery.web.guard import AddressPolicy, check_host_literal, socket_factory
from gleanery.web.urls import host_key, parse_url

M = TypeVar("M", bound=BaseModel)

REQUESTS_A_MINUTE = 200
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_QUERY_CHARACTERS = 200
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class _Answer(BaseModel):
    """A part of what Shortcut says; there is more in it, and more may come."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Label(_Answer):
    name: str


class _Comment(_Answer):
    text: str | None = None
    external_id: str | None = None
    deleted: bool = False


class _Story(_Answer):
    id: int
    name: str
    description: str | None = None
    story_type: str = ""
    labels: list[_Label] = []
    app_url: str = ""
    external_links: list[str] = []
    updated_at: datetime
    comments: list[_Comment] = []


class _Found(_Answer):
    data: list[_FoundStory]


class _FoundStory(_Answer):
    id: int
    name: str
    description: str | None = None
    story_type: str = ""
    app_url: str = ""


_Found.model_rebuild()


@dataclass(frozen=True)
class ReadStory:
    """A story, and by which ids its comments are known to those who wrote them."""

    story: Story
    comment_ids: frozenset[str]


@dataclass
class _Pace:
    """When the last requests of a token began."""

    begun: deque[float] = field(default_factory=deque)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class ShortcutClient:
    """Use as an async context manager. No redirect is followed, no cookie kept, no proxy of the environment used.

    Every call raises ShortcutTokenRefused, ShortcutStoryGone, ShortcutMismatch, ShortcutUnavailable, ShortcutError for any other
    refusal, or a FetchError where no answer came.
    """

    def __init__(
        self,
        base_url: str,
        policy: AddressPolicy,
        user_agent: str,
        *,
        timeout_seconds: float,
        resolver: AbstractResolver | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._policy = replace(policy, own=None)
        self._user_agent = user_agent
        self._timeout_seconds = timeout_seconds
        self._resolver = resolver
        self._ssl_context = ssl_context
        self._session: aiohttp.ClientSession | None = None
        self._paces: dict[str, _Pace] = {}

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(
            limit=8,
            resolver=self._resolver,
            use_dns_cache=self._resolver is None,
            ssl=self._ssl_context or True,
            socket_factory=socket_factory(self._policy),
            # A kept connection that is closed just now would look like a lost answer, and a write isn't sent again blindly.
            force_close=True,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self._user_agent, "Accept": "application/json"},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        )
        # aiohttp sends a PUT again by itself when the line breaks. Here nothing is written again before it was looked for,
        # and there is no public way to say so.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def story(self, token: str, shortcut_id: int) -> ReadStory:
        return _read(_parsed(_Story, await self._ask(token, "GET", f"stories/{shortcut_id}")))

    async def search(self, token: str, words: str, limit: int = 5) -> Sequence[RelatedStory]:
        """Stories of the workspace that have these words; Shortcut's search operators are words like others."""
        query = {"query": _plain_query(words), "page_size": str(limit)}
        if not query["query"]:
            return []
        found = _parsed(_Found, await self._ask(token, "GET", "search/stories", query=query))
        return [
            RelatedStory(
                shortcut_id=each.id,
                name=each.name,
                description=each.description or "",
                story_type=each.story_type,
                app_url=each.app_url,
            )
            for each in found.data[:limit]
        ]

    async def update(
        self, token: str, shortcut_id: int, *, name: str | None, description: str | None, labels: Sequence[str]
    ) -> None:
        """Replace title and description (None leaves them) and the labels, which are all that it has then."""
        texts = {"name": name, "description": description}
        body: dict[str, Any] = {key: text for key, text in texts.items() if text is not None}
        body["labels"] = [{"name": label} for label in labels]
        await self._ask(token, "PUT", f"stories/{shortcut_id}", body=body)

    async def comment(self, token: str, shortcut_id: int, text: str, external_id: str) -> None:
        body = {"text": text, "external_id": external_id}
        await self._ask(token, "POST", f"stories/{shortcut_id}/comments", body=body)

    async def _ask(
        self,
        token: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        if self._session is None:
            raise RuntimeError("ShortcutClient is used outside its context")
        target = self._target(path)
        await self._turn(token)
        try:
            async with (
                asyncio.timeout(self._timeout_seconds),
                self._session.request(
                    method,
                    YarlUrl(target, encoded=True).with_query(query),
                    json=body,
                    headers={"Shortcut-Token": token},
                    allow_redirects=False,
                ) as response,
            ):
                _check(response)
                return await _json(response)
        except TimeoutError:
            seconds = self._timeout_seconds
            message = f"{host_key(target)} did not answer within {seconds:g} seconds."
            raise errors.TimedOut(target, message, seconds=seconds) from None
        except (aiohttp.ClientError, OSError, UnicodeError) as error:
            raise translate(target, host_key(target), error) from None

    def _target(self, path: str) -> str:
        target = parse_url(f"{self._base_url}/{path}")
        try:
            check_host_literal(target, self._policy)
        except errors.InvalidUrl as error:
            raise errors.AddressForbidden(target, f"{error.reason}.", host=error.details["host"]) from None
        return target

    async def _turn(self, token: str) -> None:
        """Wait until one more request keeps to the rate. What other processes send is not counted: Shortcut's 429 is."""
        pace = self._paces.setdefault(hashlib.sha256(token.encode()).hexdigest(), _Pace())
        async with pace.turn:
            now = time.monotonic()
            while pace.begun and pace.begun[0] <= now - 60.0:
                pace.begun.popleft()
            if len(pace.begun) >= REQUESTS_A_MINUTE:
                await asyncio.sleep(pace.begun.popleft() + 60.0 - now)
            pace.begun.append(time.monotonic())


def _check(response: aiohttp.ClientResponse) -> None:
    status = response.status
    if 200 <= status < 300:
        return
    if status in (401, 403):
        raise errors.ShortcutTokenRefused(
            f"Shortcut answered {status}: the workspace's API token is wrong, was revoked or may not do this.",
            status=status,
        )
    if status == 404:
        raise errors.ShortcutStoryGone("Shortcut has no such story, or the token may not see it.", status=status)
    if status in _PASSING:
        wait = response.headers.get("Retry-After")
        seconds = retry_after_seconds(wait, datetime.now(UTC)) if wait else None
        raise errors.ShortcutUnavailable(f"Shortcut answered {status}.", status=status, retry_after=seconds)
    raise errors.ShortcutError(f"Shortcut answered {status} and did not do it.", status=status)


async def _json(response: aiohttp.ClientResponse) -> Any:
    raw = bytearray()
    async for piece in response.content.iter_any():
        raw += piece
        if len(raw) > MAX_ANSWER_BYTES:
            raise errors.ShortcutMismatch(f"Shortcut's answer is larger than {MAX_ANSWER_BYTES} bytes.")
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        raise errors.ShortcutMismatch("Shortcut's answer is not JSON.", status=response.status) from None


def _parsed(model: type[M], data: Any) -> M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise errors.ShortcutMismatch(
            f"Shortcut's answer has not the form that is known: {place}.", field=place
        ) from None


def _read(told: _Story) -> ReadStory:
    story = Story(
        shortcut_id=told.id,
        name=told.name,
        description=told.description or "",
        story_type=told.story_type,
        labels=[label.name for label in told.labels],
        app_url=told.app_url,
        external_links=told.external_links,
        updated_at=told.updated_at,
        comments=[comment.text for comment in told.comments if comment.text and not comment.deleted],
    )
    return ReadStory(story, frozenset(comment.external_id for comment in told.comments if comment.external_id))


def _plain_query(words: str) -> str:
    """Letters and digits only: a colon or a quote would make an operator of a word."""
    plain = "".join(character if character.isalnum() else " " for character in words)
    return " ".join(plain.split())[:MAX_QUERY_CHARACTERS]
