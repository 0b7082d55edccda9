"""A client of a gleanery server as the tests use it: REST, listings to their last page, and the end of a task."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

API = "/api/v1"
END_SECONDS = 240.0
"""A test that waits longer for a task has found a defect."""


@dataclass(frozen=True)
class Reply:
    """An answer: `body` is the parsed JSON, the bytes of a file, or the text where it is neither."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def error(self) -> dict[str, Any]:
        """The `error` object, after a look at the one shape that all errors have."""
        assert set(self.body) == {"error"}, self.body
        error: dict[str, Any] = self.body["error"]
        assert set(error) == {"code", "message", "details"}
        assert error["code"]
        assert error["message"].strip()
        return error


@dataclass(frozen=True)
class Crawl:
    """A crawl that has ended: its task as REST shows it, and all its events."""

    task: dict[str, Any]
    events: list[dict[str, Any]]

    @property
    def task_id(self) -> str:
        return str(self.task["task_id"])

    @property
    def source_id(self) -> str:
        return str(self.task["payload"]["source_id"])

    @property
    def status(self) -> str:
        return str(self.task["status"])


class Client:
    """Talks to the server at `url`. Only `call` takes whole paths, for all others they begin below `/api/v1`."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session

    async def call(self, method: str, path: str, **options: Any) -> Reply:
        async with self.session.request(method, f"{self.url}{path}", **options) as response:
            raw = await response.read()
            match response.content_type.partition("/"):
                case ("application", _, "json"):
                    body: Any = json.loads(raw)
                case ("application", _, "zip" | "octet-stream" | "x-tar") if raw:
                    body = raw
                case _:
                    body = raw.decode()
            return Reply(response.status, dict(response.headers), body)

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.call("GET", f"{API}{path}", **options)

    async def post(self, path: str, body: Any, **options: Any) -> Reply:
        return await self.call("POST", f"{API}{path}", json=body, **options)

    async def put(self, path: str) -> Reply:
        return await self.call("PUT", f"{API}{path}")

    async def delete(self, path: str) -> Reply:
        return await self.call("DELETE", f"{API}{path}")

    async def one(self, path: str) -> dict[str, Any]:
        """The body of a GET that must succeed."""
        reply = await self.get(path)
        assert reply.status == 200, reply
        body: dict[str, Any] = reply.body
        return body

    async def every(self, path: str, limit: int = 500) -> list[dict[str, Any]]:
        """All rows of a listing, page by page."""
        rows: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            mark = "&" if "?" in path else "?"
            body = await self.one(f"{path}{mark}limit={limit}" + (f"&cursor={cursor}" if cursor else ""))
            assert set(body) == {"items", "next_cursor"}
            rows += body["items"]
            cursor = body["next_cursor"]
        return rows

    async def start(self, url: str, **options: Any) -> dict[str, Any]:
        """Start a crawl; the body of the 202."""
        reply = await self.post("/knowledge/add", {"url": url, **options})
        assert reply.status == 202, reply
        body: dict[str, Any] = reply.body
        return body

    async def crawl(self, url: str, **options: Any) -> Crawl:
        """Start a crawl and see it to its end."""
        return await self.ended(str((await self.start(url, **options))["task_id"]))

    async def ended(self, task_id: str, after: int = 0) -> Crawl:
        """Follow a task to its end: its last state, and its events after `after`."""
        async with asyncio.timeout(END_SECONDS):
            events = [event async for event in self.follow(task_id, after)]
        return Crawl(await self.one(f"/tasks/{task_id}"), events)

    async def follow(
        self, task_id: str, after: int = 0, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """The server-sent events of a task until the server ends the stream. Id, name and data must agree."""
        async with self.session.get(
            f"{self.url}{API}/tasks/{task_id}/events",
            params={"after": str(after)},
            headers={"Accept": "text/event-stream", **(headers or {})},
        ) as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            fields: dict[str, str] = {}
            async for line in response.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name:
                    fields[name] = value
                elif fields:
                    event = json.loads(fields["data"])
                    assert (fields["id"], fields["event"]) == (str(event["seq"]), event["type"])
                    yield event
                    fields = {}

    async def until(self, task_id: str, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first event of a task for which `is_it` holds. Fails when the task ends without one."""
        async with asyncio.timeout(END_SECONDS):
            async for event in self.follow(task_id):
                if is_it(event):
                    return event
        raise AssertionError("the task ended before that")

    async def until_stored(self, task_id: str, count: int) -> None:
        """Until `count` pages of a crawl are stored: they may be so in any order."""
        left = count

        def is_last(event: dict[str, Any]) -> bool:
            nonlocal left
            left -= event["type"] == "page_stored"
            return left == 0

        await self.until(task_id, is_last)

    async def urls(self, task_id: str, base: str) -> dict[str, dict[str, Any]]:
        """What became of the URLs of a crawl: rows by path and query below `base`, each once."""
        rows = [row for row in await self.every(f"/tasks/{task_id}/pages") if row["url"].startswith(base)]
        found = {row["url"].removeprefix(base): row for row in rows}
        assert len(found) == len(rows)
        return found
