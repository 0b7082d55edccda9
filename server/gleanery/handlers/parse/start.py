"""How a parse begins: what is asked is checked, and the task is kept with what it must not show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gleanery import errors
from gleanery.handlers.parse import checks
from gleanery.handlers.parse.payload import ParsePayload, cache_key
from gleanery.model import NewTask, Task
from gleanery.store.parses import NewParse, ParseStore
from gleanery.store.values import Idempotency
from gleanery.web.urls import parse_url, url_key

CheckUrl = Callable[[str], None]


class ParseStarter:
    """The parse's `Create`. `check_url` raises InvalidUrl for a URL that can't be fetched by its form; `key` is the one of
    `cache_key`."""

    def __init__(self, parses: ParseStore, check_url: CheckUrl, has_browser: Callable[[], bool], key: bytes) -> None:
        self._parses = parses
        self._check_url = check_url
        self._has_browser = has_browser
        self._key = key

    async def __call__(self, new: NewTask, idempotency: Idempotency | None, queue_limit: int) -> Task:
        """Raises InvalidUrl, InvalidInput, and what `TaskStore.create` raises."""
        asked = ParsePayload.model_validate(new.payload)
        href = self.check(asked)
        payload = asked.model_copy(update={"url": href})
        parse = NewParse(url_key(href), cache_key(payload, self._key), payload.secrets())
        return await self._parses.start(
            replace(new, payload=payload.masked().model_dump(mode="json"), title=href[:500]),
            parse,
            idempotency=idempotency,
            queue_limit=queue_limit,
        )

    def check(self, asked: ParsePayload) -> str:
        """The URL as an href. Raises InvalidUrl and InvalidInput for what can't be parsed by its form."""
        href = parse_url(asked.url, keep_route=True)
        self._check_url(href)
        checks.check(asked, href)
        if not self._has_browser():
            raise errors.InvalidInput(
                "url", "there is no browser on this machine; set GLEANERY_BROWSER, or run `make browser`"
            )
        return href
