"""A Shortcut workspace: stories that are read, searched, changed and commented as its REST API (v3) has it, with faults.

async with shortcut() as there:
    story = there.add("Login fails", labels=["enhance"])
    there.fail(Fault(429, retry_after="1"))                     # the next request
    there.fail(Fault(is_lost=True), method="PUT")               # the next change is made, its answer lost
    body, headers = there.webhook(story, added=["enhance"])
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

TOKEN = "sct_1f2e3d4c5b6a"
SECRET = "whs_a1b2c3d4e5f6"
HEARD_SECONDS = 20.0

Interrupt = Callable[["Call", str], bool]
"""Called with each request, once before it is done (`before`) and once after (`after`), when it is not yet answered. True
breaks the line there."""


@dataclass(frozen=True)
class Fault:
    """What a request gets in place of its answer. `is_lost`: it is done, and then the line breaks; `is_slow`: it is done, and
    then there is no answer."""

    status: int = 0
    retry_after: str | None = None
    is_lost: bool = False
    is_slow: bool = False
    body: str = '{"message": "no"}'


@dataclass(frozen=True)
class Call:
    method: str
    path: str
    token: str | None
    body: dict[str, Any] | None
    query: dict[str, str]

    @property
    def is_write(self) -> bool:
        return self.method != "GET"


@dataclass
class Shortcut:
    """What a test sees and sets. `stories` are by number, as the API shows them; `calls` are all that came, `done` the writes
    that were carried out."""

    url: str
    stories: dict[int, dict[str, Any]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    done: list[Call] = field(default_factory=list)
    interrupt: Interrupt | None = None
    _faults: list[tuple[str | None, Fault]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(101))
    _labels: dict[str, int] = field(default_factory=dict)
    _clock: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    @property
    def api(self) -> str:
        return f"{self.url}/api/v3"

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.is_write]

    def add(self, name: str, description: str = "", *, labels: Sequence[str] = (), story_type: str = "bug") -> int:
        number = next(self._numbers)
        self.stories[number] = {
            "id": number,
            "entity_type": "story",
            "name": name,
            "description": description,
            "story_type": story_type,
            "labels": [],
            "app_url": f"https://app.shortcut.com/acme/story/{number}",
            "external_links": [],
            "comments": [],
            "updated_at": self._now(),
            "workflow_state_id": 500,
        }
        self.label(number, labels)
        return number

    def label(self, number: int, labels: Sequence[str]) -> None:
        self.stories[number]["labels"] = [{"id": self._label(name), "name": name} for name in labels]

    def edit(self, number: int, **changes: Any) -> None:
        """A person changes a story."""
        self.stories[number].update(changes, updated_at=self._now())

    def fail(self, *faults: Fault, method: str | None = None) -> None:
        """The next requests (of a method) get these, one each."""
        self._faults += [(method, fault) for fault in faults]

    def heal(self) -> None:
        """Faults that nothing has met yet are forgotten."""
        self._faults.clear()

    def names(self, number: int) -> list[str]:
        return [label["name"] for label in self.stories[number]["labels"]]

    def webhook(
        self,
        *numbers: int,
        added: Sequence[str] = (),
        action: str = "update",
        delivery_id: str | None = None,
        changed_at: datetime | None = None,
        secret: str = SECRET,
    ) -> tuple[bytes, dict[str, str]]:
        """The body and the headers of the call that tells of labels which these stories were given."""
        ids = [self._label(name) for name in added]
        actions = []
        for number in numbers:
            story = self.stories[number]
            told = {"id": number, "entity_type": "story", "action": action, "name": story["name"]}
            told["app_url"] = story["app_url"]
            told |= {"label_ids": ids} if action == "create" else {"changes": {"label_ids": {"adds": ids}}}
            actions.append(told)
        body = json.dumps(
            {
                "id": delivery_id or str(uuid.uuid4()),
                "changed_at": (changed_at or datetime.now(UTC)).isoformat().replace("+00:00", "Z"),
                "version": "v1",
                "primary_id": numbers[0] if numbers else 0,
                "member_id": "56d8a839-1c52-437f-b981-c3a15a11d6d4",
                "actions": actions,
                "references": [{"id": self._labels[name], "entity_type": "label", "name": name} for name in added],
            }
        ).encode()
        return body, signed(body, secret)

    def _label(self, name: str) -> int:
        return self._labels.setdefault(name, 9000 + len(self._labels))

    def _now(self) -> str:
        """Each change has a time of its own."""
        self._clock += timedelta(seconds=1)
        return self._clock.isoformat().replace("+00:00", "Z")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        call = Call(
            request.method,
            request.path.removeprefix("/api/v3/"),
            request.headers.get("Shortcut-Token"),
            json.loads(raw) if raw else None,
            dict(request.query),
        )
        self.calls.append(call)
        if self._is_interrupted(request, call, "before"):
            return web.Response(status=500)
        fault = self._fault(call.method)
        if fault is not None and fault.status:
            headers = {} if fault.retry_after is None else {"Retry-After": fault.retry_after}
            return web.Response(status=fault.status, text=fault.body, headers=headers, content_type="application/json")
        if call.token != TOKEN:
            return web.json_response({"message": "Unauthorized"}, status=401)
        status, answer = self._do(call)
        if call.is_write and status < 300:
            self.done.append(call)
        if self._is_interrupted(request, call, "after"):
            return web.Response(status=500)
        if fault is not None and fault.is_lost:
            assert request.transport is not None
            request.transport.abort()
        if fault is not None and fault.is_slow:
            await asyncio.sleep(3600)
        return web.json_response(answer, status=status)

    def _is_interrupted(self, request: web.Request, call: Call, when: str) -> bool:
        if self.interrupt is None or not self.interrupt(call, when):
            return False
        assert request.transport is not None
        request.transport.abort()
        return True

    def _fault(self, method: str) -> Fault | None:
        for position, (wanted, fault) in enumerate(self._faults):
            if wanted in (None, method):
                del self._faults[position]
                return fault
        return None

    def _do(self, call: Call) -> tuple[int, Any]:
        match call.method, call.path.split("/"):
            case "GET", ["search", "stories"]:
                words = set(call.query["query"].lower().split())
                found = [s for s in self.stories.values() if words & set(s["name"].lower().split())]
                return 200, {"data": found[: int(call.query["page_size"])], "next": None, "total": len(found)}
            case _, ["stories", number, *_] if int(number) not in self.stories:
                return 404, {"message": "Resource not found."}
            case "GET", ["stories", number]:
                return 200, self.stories[int(number)]
            case "PUT", ["stories", number]:
                changes = dict(call.body or {})
                labels = [label["name"] for label in changes.pop("labels", self.stories[int(number)]["labels"])]
                self.edit(int(number), **changes)
                self.label(int(number), labels)
                return 200, self.stories[int(number)]
            case "POST", ["stories", number, "comments"]:
                comment = {"id": len(self.calls), "deleted": False, **(call.body or {})}
                self.edit(int(number), comments=[*self.stories[int(number)]["comments"], comment])
                return 201, comment
        return 404, {"message": "Resource not found."}


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    """The headers of a webhook."""
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"Content-Type": "application/json", "Payload-Signature": signature}


@asynccontextmanager
async def shortcut() -> AsyncIterator[Shortcut]:
    """It listens on 127.0.0.1."""
    app = web.Application()
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
    there = Shortcut("")
    app.router.add_route("*", "/{path:.*}", there.handle)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    there.url = f"http://{host}:{port}"
    try:
        yield there
    finally:
        await runner.cleanup()
