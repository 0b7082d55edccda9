"""The documents of the task engine can't drift: examples run, and what the engine is made of is written down."""

from __future__ import annotations

import ast
import asyncio
import dataclasses
import itertools
import json
import re
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from gleanery import app, errors
from gleanery.api import task_shapes
from gleanery.engine.handler import TaskContext, TaskSpec, by_type
from gleanery.engine.retry import Decision
from gleanery.engine.submit import Submitter
from gleanery.engine.webhooks import Secret
from gleanery.engine.worker import Worker
from gleanery.model import NewTask
from gleanery.store.presence import FilePresence
from tests.api.client import Client
from tests.conftest import settings
from tests.documents import PACKAGE, PAGES, ROOT, code_blocks, coded, section
from tools.ground.ui import require_node

HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
KEY = bytes(range(32))
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
BODY = '{"type":"task.completed","data":{"title":"ä"}}'.encode()


def test_the_map_of_the_engine_names_every_file_and_no_other() -> None:
    part = (ROOT / "ARCHITECTURE.md").read_text().partition("\n## The engine\n")[2].partition("\n### ")[0]
    rows = re.findall(r"^\| (`.+?) \| .* \|$", part, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([^`]+)`", row)]
    assert sorted(named) == sorted(file.name for file in (PACKAGE / "engine").glob("[!_]*.py"))


# Webhooks and metrics


async def receiver(stack: AsyncExitStack) -> tuple[str, asyncio.Queue[tuple[Mapping[str, str], bytes]]]:
    """The URL of a server that takes every call, and what it was sent."""
    taken = asyncio.Queue[tuple[Mapping[str, str], bytes]]()

    async def take(request: web.Request) -> web.Response:
        taken.put_nowait((request.headers, await request.read()))
        return web.Response()

    site = web.Application()
    site.router.add_post("/done", take)
    server = await stack.enter_async_context(TestServer(site, host="127.0.0.1"))
    return str(server.make_url("/done")), taken


async def test_a_webhook_call_is_as_described_and_verified_by_the_example(
    client: Client, stack: AsyncExitStack, tmp_path: Path
) -> None:
    url, taken = await receiver(stack)
    await client.post("/tasks", {"task_type": "test", "payload": {"steps": 1, "seconds": 0}, "webhook_url": url})
    async with asyncio.timeout(10):
        headers, body = await taken.get()
    documented = json.loads(code_blocks("webhooks.html", "json")[0])
    sent = json.loads(body)
    assert (set(sent), set(sent["data"])) == (set(documented), set(documented["data"]))
    assert (sent["type"], set(documented["data"]) - set(task_shapes.TaskShape.model_fields)) == (
        documented["type"],
        set(),
    )
    assert documented_check()((tmp_path / "data" / "webhook.secret").read_text(), headers, body) is True


def signed(body: bytes, at: int) -> dict[str, str]:
    """The headers of a call, as the sender makes them."""
    return dict(zip(HEADERS, ("msg_1", str(at), Secret(KEY).signature("msg_1", at, body)), strict=True))


def calls() -> list[tuple[dict[str, str], bytes, bool]]:
    """Headers, body and whether the call is genuine."""
    now = int(time.time())
    good = signed(BODY, now)
    return [
        (good, BODY, True),
        ({**good, "webhook-signature": f"v1,AAAA {good['webhook-signature']}"}, BODY, True),
        (good, BODY + b" ", False),
        ({**good, "webhook-id": "msg_2"}, BODY, False),
        (signed(BODY, now - 3600), BODY, False),
    ]


def test_the_headers_of_a_webhook_are_described() -> None:
    assert set(HEADERS) <= coded(section("webhooks.html", "call"))
    source = (PACKAGE / "engine" / "webhooks.py").read_text()
    assert set(re.findall(r'"(webhook-\w+)": ', source)) == set(HEADERS)


def documented_check() -> Callable[[str, Mapping[str, str], bytes], bool]:
    """`is_genuine` of the Python example."""
    [example] = code_blocks("webhooks.html", "python")
    names: dict[str, Any] = {}
    exec(compile(example, "verify.py", "exec"), names)
    check: Callable[[str, Mapping[str, str], bytes], bool] = names["is_genuine"]
    return check


def test_the_python_example_verifies_webhooks() -> None:
    for headers, body, is_genuine in calls():
        assert documented_check()(SECRET, headers, body) is is_genuine, headers


def test_the_javascript_example_verifies_webhooks(tmp_path: Path) -> None:
    [example] = code_blocks("webhooks.html", "javascript")
    asked = json.dumps([[headers, body.decode()] for headers, body, _ in calls()])
    ask = f"""
for (const [headers, body] of {asked})
  console.log(isGenuine("{SECRET}", headers, Buffer.from(body)));
"""
    (tmp_path / "verify.mjs").write_text(example + ask)
    node = require_node()
    told = subprocess.run(
        [node.program, tmp_path / "verify.mjs"], capture_output=True, text=True, check=True
    ).stdout.split()
    assert told == [str(is_genuine).lower() for _, _, is_genuine in calls()]


async def test_every_metric_is_described_and_no_other(client: Client) -> None:
    await client.ended((await client.post("/tasks", {"task_type": "test", "payload": {"seconds": 0}})).body["task_id"])
    names = re.findall(r"^# TYPE (\w+)", (await client.call("GET", "/metrics")).body, re.MULTILINE)
    described = re.findall(r"<code>(gleanery_\w+)</code>", section("workers.html", "metrics"))
    assert sorted(described) == sorted(name for name in names if not name.endswith("_created"))


# The example of a task type


def documented_handler() -> dict[str, Any]:
    """The names of the first code block of the document, run as a module."""
    text = (ROOT / "docs/adding-a-task-type.md").read_text()
    block = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    names: dict[str, Any] = {"__name__": "count_words"}
    exec(compile(block, "count_words.py", "exec"), names)
    return names


async def test_the_documented_task_type_works(tmp_path: Path, stack: AsyncExitStack) -> None:
    server = await app.build(settings(tmp_path / "data"), stack)
    client = Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))
    crawl = await client.crawl(f"{server.url}/example/")
    handlers = by_type([documented_handler()["CountWordsHandler"](server.store.knowledge)])
    submitter = Submitter(server.store.tasks, handlers, queue_limit=10)
    with pytest.raises(errors.InvalidInput) as refused:
        await submitter.submit(NewTask("count_words", {"source": 1}))
    assert refused.value.field == "payload.source_id"
    older = await submitter.submit(NewTask("count_words", {"source_id": crawl.source_id}))
    good = await submitter.submit(NewTask("count_words", {"source_id": crawl.source_id}))
    unknown = await submitter.submit(NewTask("count_words", {"source_id": "src_unknown"}))
    presence = FilePresence(tmp_path / "data" / "workers")  # or the server takes it for gone
    worker = Worker(server.store, handlers, concurrency=2, lease_seconds=30, worker_id="documented", presence=presence)
    await worker.start()
    stack.push_async_callback(worker.stop)
    counted = await client.ended(good.task_id)
    pages = [
        await client.one(f"/pages/{row['page_id']}") for row in await client.every(f"/sources/{crawl.source_id}/pages")
    ]
    words = sum(len(page["markdown"].split()) for page in pages)
    assert counted.task["result"] == {"pages": len(PAGES), "words": words}
    assert counted.task["title"] == "Count the words of a source"
    types = [event["type"] for event in counted.events]
    assert [name for name, _ in itertools.groupby(types)] == [
        "task_queued",
        "task_started",
        "task_progressed",
        "task_completed",
    ]
    assert counted.task["progress"]["percentage"] == 100.0
    superseded = await client.ended(older.task_id)
    assert (superseded.status, superseded.task["error"]["code"]) == ("cancelled", "superseded")
    failed = await client.ended(unknown.task_id)
    assert (failed.status, failed.task["error"]["code"], failed.task["retry_attempts"]) == ("failed", "not_found", 0)


def test_the_line_of_the_document_is_where_it_says() -> None:
    text = (ROOT / "docs/adding-a-task-type.md").read_text()
    assert "In `_types` of `server/gleanery/app/engine.py`:" in text
    line = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[1]
    assert registrations(ast.parse(line)) == ["CountWordsHandler"]
    engine = next(
        node
        for node in ast.parse((PACKAGE / "app" / "engine.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "_types"
    )
    assert "CrawlHandler" in registrations(engine)


def registrations(tree: ast.AST) -> list[str]:
    """The classes in `handlers: list[Handler] = [...]`."""
    return [
        ast.unparse(made.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "handlers" and node.value is not None
        for made in ast.walk(node.value)
        if isinstance(made, ast.Call) and ast.unparse(made.func) != "..."
    ]


def test_the_document_names_all_that_a_spec_and_a_context_offer() -> None:
    text = (ROOT / "docs/adding-a-task-type.md").read_text()
    for field in dataclasses.fields(TaskSpec):
        assert f"`{field.name}`" in text, field.name
    offered = [name for name in vars(TaskContext) if not name.startswith("_")]
    assert [name for name in offered if f"ctx.{name}" not in text and name not in ("flush", "close", "change")] == []
    assert {decision.name for decision in Decision} <= set(re.findall(r"`([A-Z]+)`", text))
