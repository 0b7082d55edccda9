"""A client of a gleanery server: the REST calls and the live line that the commands need.

The one module of the command line that speaks HTTP; its errors are ServerUnreachable and ServerRefused.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import aiohttp
from pydantic import BaseModel, ValidationError

from gleanery import __version__, errors
from gleanery.api import crawl_shapes, parse_shapes, task_shapes, wire
from gleanery.api.search_shapes import CodeSearchReply, SearchReply
from gleanery.model import TaskStatus

Model = TypeVar("Model", bound=BaseModel)

_REST_TIMEOUT = aiohttp.ClientTimeout(total=60, sock_connect=10)
_PREVIEW_TIMEOUT = aiohttp.ClientTimeout(total=180, sock_connect=10)
_URLS_AT_ONCE = 500
SILENCE_SECONDS = 20.0
"""A live line says something every five seconds; one that is silent for this long is dead."""
_MAX_MESSAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Update:
    """A message of the live line: the events after `prev_seq` up to `seq`, and the task as it stood then."""

    prev_seq: int
    seq: int
    events: Sequence[task_shapes.EventShape]
    status: TaskStatus
    progress: task_shapes.ProgressShape


class Client:
    """Calls of one server. `key` is sent as bearer token. Use it as an async context manager."""

    def __init__(self, base_url: str, key: str | None) -> None:
        self.base_url = server_url(base_url)
        self._key = key

    async def __aenter__(self) -> Client:
        headers = {"User-Agent": f"gleanery/{__version__}"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        self.session = aiohttp.ClientSession(headers=headers, timeout=_REST_TIMEOUT)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.session.close()

    async def start_crawl(self, body: Mapping[str, Any]) -> crawl_shapes.CrawlStarted:
        return await self.call("POST", "/api/v1/knowledge/add", crawl_shapes.CrawlStarted, body=body)

    async def start_parse(self, body: Mapping[str, Any]) -> parse_shapes.ParseStarted:
        return await self.call("POST", "/api/v1/web-pages/parse", parse_shapes.ParseStarted, body=body)

    async def parse(self, id: str) -> parse_shapes.ParseShape:
        return await self.call("GET", f"/api/v1/web-pages/{_part(id)}", parse_shapes.ParseShape)

    async def screenshot(self, id: str) -> bytes:
        """The PNG. Raises ServerRefused for a page without one."""
        with self.translated():
            async with self.session.get(f"{self.base_url}/api/v1/web-pages/{_part(id)}/screenshot") as response:
                body = await response.read()
        if response.status >= 400:
            raise _refusal(response.status, body.decode(errors="replace"), self.base_url)
        return body

    async def task(self, task_id: str) -> task_shapes.TaskShape:
        return await self.call("GET", f"/api/v1/tasks/{_part(task_id)}", task_shapes.TaskShape)

    async def tasks(self, **query: str | int | None) -> Sequence[task_shapes.TaskShape]:
        """The first page of the listing; `query` as the route takes it, None for what isn't asked."""
        return (await self.call("GET", "/api/v1/tasks", task_shapes.TaskPage, query=query)).items

    async def preview(self, body: Mapping[str, Any]) -> crawl_shapes.PreviewShape:
        """The server looks at a site before it answers, so that it may take a while."""
        return await self.call(
            "POST", "/api/v1/knowledge/preview", crawl_shapes.PreviewShape, body=body, patience=_PREVIEW_TIMEOUT
        )

    async def urls(
        self, task_id: str, most: int, *, state: str | None = None, reason: str | None = None
    ) -> Sequence[crawl_shapes.UrlShape]:
        """Of a crawl: its URLs in the order in which they were found, at most `most`."""
        found: list[crawl_shapes.UrlShape] = []
        cursor: str | None = None
        while True:
            room = min(_URLS_AT_ONCE, most - len(found))
            query = {"state": state, "reason": reason, "limit": room, "cursor": cursor}
            page = await self.call("GET", f"/api/v1/tasks/{_part(task_id)}/pages", crawl_shapes.UrlPage, query=query)
            found += page.items
            cursor = page.next_cursor
            if cursor is None or len(found) >= most:
                return found

    async def failed_urls(self, task_id: str, most: int) -> Sequence[crawl_shapes.UrlShape]:
        """Of a crawl: the URLs that failed, at most `most`."""
        return await self.urls(task_id, most, state="failed")

    async def start_task(self, body: Mapping[str, Any]) -> task_shapes.TaskShape:
        return await self.call("POST", "/api/v1/tasks", task_shapes.TaskShape, body=body)

    async def cancel(self, task_id: str) -> task_shapes.TaskShape:
        return await self.call("PUT", f"/api/v1/tasks/{_part(task_id)}/cancel", task_shapes.TaskShape)

    async def pause(self, task_id: str) -> task_shapes.TaskShape:
        return await self.call("POST", f"/api/v1/tasks/{_part(task_id)}/pause", task_shapes.TaskShape)

    async def resume(self, task_id: str) -> task_shapes.TaskShape:
        return await self.call("POST", f"/api/v1/tasks/{_part(task_id)}/resume", task_shapes.TaskShape)

    async def retry(self, task_id: str, body: Mapping[str, Any]) -> task_shapes.TaskShape:
        return await self.call("POST", f"/api/v1/tasks/{_part(task_id)}/retry", task_shapes.TaskShape, body=body)

    async def change(self, task_id: str, body: Mapping[str, Any]) -> task_shapes.TaskShape:
        return await self.call("PATCH", f"/api/v1/tasks/{_part(task_id)}", task_shapes.TaskShape, body=body)

    async def cancel_all(self, body: Mapping[str, Any]) -> task_shapes.Steered:
        return await self.call("POST", "/api/v1/tasks/cancel", task_shapes.Steered, body=body)

    async def retry_all(self, body: Mapping[str, Any]) -> task_shapes.Steered:
        return await self.call("POST", "/api/v1/tasks/retry", task_shapes.Steered, body=body)

    async def stats(self) -> task_shapes.TaskStatsShape:
        """Figures, of ended tasks those of the last hour."""
        return await self.call("GET", "/api/v1/tasks/stats", task_shapes.TaskStatsShape)

    async def prune(self, body: Mapping[str, Any]) -> task_shapes.Pruned:
        return await self.call("POST", "/api/v1/tasks/prune", task_shapes.Pruned, body=body)

    async def search(self, body: Mapping[str, Any]) -> SearchReply:
        return await self.call("POST", "/api/v1/search", SearchReply, body=body)

    async def search_code(self, body: Mapping[str, Any]) -> CodeSearchReply:
        return await self.call("POST", "/api/v1/search/code", CodeSearchReply, body=body)

    @asynccontextmanager
    async def updates(self, task_id: str, after: int) -> AsyncIterator[AsyncIterator[Update]]:
        """The live line of a task from the event after `after` on. Ends when the server hangs up in order; raises
        ServerUnreachable when the line breaks or falls silent."""
        with self.translated():
            # The heartbeat is the client's own ping; the server's messages are waited for in `_messages`.
            async with self.session.ws_connect(
                f"{self.base_url}/ws/tasks/{_part(task_id)}/status",
                params={"lastSeq": after},
                heartbeat=10.0,
                max_msg_size=_MAX_MESSAGE_BYTES,
            ) as socket:
                yield self._messages(socket)

    async def _messages(self, socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Update]:
        while True:
            message = await socket.receive(timeout=SILENCE_SECONDS)
            if message.type is aiohttp.WSMsgType.TEXT:
                yield _update(message.data)
            elif message.type is aiohttp.WSMsgType.ERROR:
                raise errors.ServerUnreachable(f"The line to {self.base_url} broke.")
            elif message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED):
                return

    async def call(
        self,
        method: str,
        path: str,
        shape: type[Model],
        *,
        query: Mapping[str, str | int | None] | None = None,
        body: Mapping[str, Any] | None = None,
        patience: aiohttp.ClientTimeout = _REST_TIMEOUT,
    ) -> Model:
        status, text = await self._answer(method, path, query, body, patience)
        try:
            return shape.model_validate_json(text)
        except ValidationError:
            raise _not_gleanery(status, self.base_url) from None

    async def delete(self, path: str) -> None:
        """For routes that answer with nothing."""
        await self._answer("DELETE", path, None, None, _REST_TIMEOUT)

    async def _answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int | None] | None,
        body: Mapping[str, Any] | None,
        patience: aiohttp.ClientTimeout,
    ) -> tuple[int, str]:
        asked = {name: value for name, value in (query or {}).items() if value is not None}
        with self.translated():
            async with self.session.request(
                method, self.base_url + path, params=asked, json=body, timeout=patience
            ) as response:
                text = await response.text(errors="replace")
        if response.status >= 400:
            raise _refusal(response.status, text, self.base_url)
        return response.status, text

    @contextmanager
    def translated(self) -> Iterator[None]:
        try:
            yield
        except aiohttp.WSServerHandshakeError as error:
            raise errors.ServerRefused(
                error.status, "no_live_line", f"{self.base_url} gave no live line ({error.status})."
            ) from None
        except TimeoutError:
            raise errors.ServerUnreachable(f"{self.base_url} does not answer.") from None
        except (aiohttp.ClientError, OSError) as error:
            raise errors.ServerUnreachable(f"No gleanery server answers at {self.base_url}: {error}.") from None


def server_url(text: str) -> str:
    """`text` without a slash at its end. Raises InvalidInput for what is not an http(s) URL."""
    try:
        parts = urlsplit(text)
        is_fine = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        is_fine = is_fine and parts.port != 0
    except ValueError:
        is_fine = False
    if not is_fine:
        raise errors.InvalidInput("--server", f"{text!r} is not a server's URL, such as http://127.0.0.1:8181")
    return text.rstrip("/")


def _part(task_id: str) -> str:
    return quote(task_id, safe="")


def _update(text: str) -> Update:
    """Raises ServerRefused for a message in another shape than ours."""
    try:
        data = json.loads(text)
        progress = {
            "percentage": max(0.0, data["percentage"]),
            "stage": data["stage"],
            "stages": data["stages"],
            "message": data["log"],
            "eta_seconds": data["etaSeconds"],
            "rate_per_second": data["ratePerSecond"],
            "current_url": data["currentUrl"],
            "failed": data["failed"],
            "skipped": data["skipped"],
        }
        return Update(
            prev_seq=data["prevSeq"],
            seq=data["seq"],
            events=[task_shapes.EventShape.model_validate(event) for event in data["events"]],
            status=TaskStatus(data["taskStatus"]),
            progress=task_shapes.ProgressShape.model_validate(progress),
        )
    except (ValueError, KeyError, TypeError):
        raise errors.ServerRefused(
            200, "bad_answer", "The server's live message is not of a shape that this version knows."
        ) from None


def _refusal(status: int, text: str, base_url: str) -> errors.GleaneryError:
    try:
        body = wire.ErrorReply.model_validate_json(text).error
    except ValidationError:
        return _not_gleanery(status, base_url)
    return errors.ServerRefused(status, body.code, body.message)


def _not_gleanery(status: int, base_url: str) -> errors.ServerUnreachable:
    return errors.ServerUnreachable(
        f"What answers at {base_url} ({status}) is no gleanery server that this version knows."
    )
