"""Uploads over a real server: from the form to pages that are stored, and every way in which one is refused."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web

from gleanery.api.file_form import MAX_FIELDS
from gleanery.api.http import MAX_BODY_BYTES, error_middleware
from gleanery.api.upload import UploadApi
from gleanery.engine.events import ChangeFeed
from gleanery.engine.handler import by_type
from gleanery.engine.submit import Submitter
from gleanery.errors import EmbedKeyRefused, InvalidInput, InvalidUrl, StorageError
from gleanery.handlers.upload.folder import ORPHAN_SECONDS, UploadFolder, clean_name
from gleanery.handlers.upload.handler import UploadHandler, UploadParts, UploadStarter
from gleanery.knowledge.budgets import ChunkBudgets
from gleanery.knowledge.embedders.embedder import Embedding
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.knowledge.right_of_way import RightOfWay
from gleanery.knowledge.vectors import Vectors
from gleanery.model import NewTask, StoredAs, Task, TaskStatus, UrlState
from gleanery.store.embedded import EmbeddedStore
from tests.api.client import Client, Reply
from tests.engine.stage import Stage
from tests.knowledge.documents_made import Text, docx, paragraph, pdf

MAX_BYTES = 3_000_000
GUIDE = b"# Pears\n\nThey are sweet.\n\n```py\nx = 1\n```\n"
API = {
    "openapi": "3.0.0",
    "info": {"title": "Shop"},
    "paths": {"/pears": {"get": {"summary": "List"}, "post": {"summary": "Add"}}},
}
FIELD = b'--x\r\nContent-Disposition: form-data; name="tags"\r\n\r\na\r\n'


def check_url(url: str) -> None:
    if "private" in url:
        raise InvalidUrl("leads to a private address")


class BreaksOnce:
    """A `CrawlStore` that can't keep the second page, the first time."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._calls = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def store_page(self, *args: Any) -> StoredAs:
        self._calls += 1
        if self._calls == 2:
            raise StorageError("The disk is slow.")
        stored: StoredAs = await self._inner.store_page(*args)
        return stored


@dataclass(frozen=True)
class StoreOf:
    """What of a store an upload works with."""

    crawls: Any
    knowledge: Any
    generations: Any
    clock: Any


class Moody:
    """An embedder whose key is refused for a while."""

    name = "moody"
    dimensions: int | None = 2
    max_tokens = 100
    bulk_size = 32
    is_refused = True

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [1] * len(texts)

    async def embed_each(self, texts: Sequence[str]) -> Embedding:
        return Embedding(await self.embed(texts), tuple(range(len(texts))), (1,) * len(texts))

    async def embed(self, texts: Sequence[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        if self.is_refused:
            raise EmbedKeyRefused("The key is refused.")
        return np.tile(np.array([1, 0], np.float32), (len(texts), 1))

    async def aclose(self) -> None:
        """Nothing to let go of."""


@dataclass(frozen=True)
class House:
    """A server with uploads, a worker when asked for, and what is behind them."""

    client: Client
    stage: Stage
    folder: UploadFolder
    path: Path
    parts: UploadParts

    @property
    def handler(self) -> UploadHandler:
        return UploadHandler(self.parts)

    async def send(self, body: bytes, name: str | None = "guide.md", kind: str = "", **fields: Any) -> Reply:
        """Upload one file with these further fields."""
        form = aiohttp.FormData(default_to_multipart=True)
        for field, value in fields.items():
            for one in value if isinstance(value, list) else [value]:
                form.add_field(field, one, filename="x" if isinstance(one, bytes) else None)
        form.add_field("file", body, filename=name, content_type=kind or "application/octet-stream")
        return await self.client.call("POST", "/api/v1/knowledge/upload", data=form)

    async def taken(self, body: bytes, name: str = "guide.md", **fields: Any) -> Task:
        """Upload a file and see its task to its end."""
        reply = await self.send(body, name, **fields)
        assert reply.status == 202, reply
        async with self.stage.worker(self.handler):  # type: ignore[arg-type]
            return await self.stage.ended(await self.stage.tasks.get(reply.body["task_id"]))

    def files(self) -> list[str]:
        return sorted(file.name for file in self.path.iterdir()) if self.path.exists() else []

    async def pages(self, task: Task) -> Mapping[str, str]:
        rows = await self.stage.store.knowledge.pages(str(task.payload["source_id"]), after=None, limit=100)
        return {page.url: page.title for page, _ in rows}


@pytest.fixture
async def house(tmp_path: Path, stack: AsyncExitStack) -> House:
    feed = ChangeFeed()
    store = await stack.enter_async_context(EmbeddedStore(tmp_path / "gleanery.db", feed.publish))
    pool = await stack.enter_async_context(ExtractPool(1, 20, is_warm=False))
    executor = stack.enter_context(ThreadPoolExecutor(2))
    folder = UploadFolder(tmp_path / "uploads", MAX_BYTES)
    vectors = Vectors(store.vectors)
    parts = UploadParts(store, folder, pool, executor, vectors, ChunkBudgets(vectors, tmp_path), RightOfWay())
    creators = {"upload": UploadStarter(store.crawls, folder)}
    submitter = Submitter(store.tasks, by_type([UploadHandler(parts)]), queue_limit=5, creators=creators)
    app = web.Application(middlewares=[error_middleware], client_max_size=MAX_BODY_BYTES)
    for route in UploadApi(submitter, folder, check_url).routes():
        app.router.add_route(route.method, route.path, route.handler)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = Client(url, await stack.enter_async_context(aiohttp.ClientSession()))
    return House(client, Stage(store, feed, tmp_path), folder, tmp_path / "uploads", parts)


async def test_a_file_becomes_a_source_with_pages(house: House) -> None:
    reply = await house.send(GUIDE, title="My pears", tags=["fruit, sweet", "garden"], priority="70")
    assert reply.status == 202
    task_id = reply.body["task_id"]
    assert reply.headers["Location"] == f"/api/v1/tasks/{task_id}"
    assert reply.body["status"] == "queued"
    assert reply.body["message"].startswith("Upload of guide.md queued")
    assert house.files() == [task_id]
    async with house.stage.worker(house.handler):  # type: ignore[arg-type]
        task = await house.stage.ended(await house.stage.tasks.get(task_id))
    assert (task.status, task.priority, task.error) == (TaskStatus.COMPLETED, 70, None)
    source_id = reply.body["source_id"]
    assert task.result == {"source_id": source_id, "pages": 1, "chunks": 1, "code_examples": 1}
    source = await house.stage.store.knowledge.source(source_id)
    assert (source.url, source.title, source.tags) == ("upload:///guide.md", "My pears", ("fruit", "sweet", "garden"))
    assert await house.pages(task) == {"upload:///guide.md": "My pears"}
    assert house.files() == []
    assert await house.stage.events(task) == [
        "task_queued",
        "task_started",
        "stage_started",
        "page_stored",
        "task_step_completed",
        "source_published",
        "task_completed",
    ]
    assert (task.progress.percentage, task.progress.stages["stored"].done) == (100.0, 1)


@pytest.mark.parametrize(
    ("body", "name", "kind", "title"),
    [
        (pdf([[Text(72, 700, "Pears", 20), Text(72, 600, "Pears are sweet when they are ripe.")]]), "a b.pdf", "", "Pears"),
        (docx(paragraph("Pears", "Heading1") + paragraph("x")), "pears.docx", "application/msword", "Pears"),
        (b"<!doctype html><title>Pears</title><p>They are sweet.", "pears.html", "text/html", "Pears"),
        ("Süße Birnen\n\nMehr".encode("latin-1"), "birnen.txt", "text/plain; charset=iso-8859-1", "Süße Birnen"),
        (b"# Pears\n\nx", "pears.md", "application/json", "Pears"),
    ],
)  # fmt: skip
async def test_every_kind_of_file(house: House, body: bytes, name: str, kind: str, title: str) -> None:
    task = await house.taken(body, name, kind=kind)
    assert (task.status, task.error) == (TaskStatus.COMPLETED, None)
    assert await house.pages(task) == {f"upload:///{name.replace(' ', '%20')}": title}


async def test_an_api_has_a_page_for_each_operation(house: House) -> None:
    task = await house.taken(json.dumps(API).encode(), "api.json")
    assert await house.pages(task) == {
        "upload:///api.json": "Shop",
        "upload:///api.json#/paths/~1pears/get": "List (GET /pears)",
        "upload:///api.json#/paths/~1pears/post": "Add (POST /pears)",
    }
    rows = await house.stage.store.crawls.urls(task.task_id, state=None, after=0, limit=10)
    assert [(row.depth, row.state) for row in rows] == [
        (0, UrlState.STORED),
        (1, UrlState.STORED),
        (1, UrlState.STORED),
    ]


async def test_the_same_name_again_replaces_what_was_there(house: House) -> None:
    first = await house.taken(GUIDE)
    second = await house.taken(b"# Apples\n\nThey are round.")
    assert first.payload["source_id"] == second.payload["source_id"]
    assert await house.pages(second) == {"upload:///guide.md": "Apples"}


async def test_a_document_that_cannot_be_read_fails_its_task_with_its_sentence(house: House) -> None:
    task = await house.taken(pdf([[]]), "scan.pdf")
    assert task.status is TaskStatus.FAILED
    assert task.error is not None
    assert (task.error.code, "pictures of pages" in task.error.message) == ("empty_page", True)
    (row,) = await house.stage.store.crawls.urls(task.task_id, state=None, after=0, limit=10)
    assert (row.state, row.reason) == (UrlState.FAILED, "empty_page")
    assert house.files() == []


async def test_it_is_read_after_a_restart(house: House) -> None:
    """The 202 came from a server that has no worker; another one finds task and file."""
    reply = await house.send(GUIDE)
    again = UploadFolder(house.path, MAX_BYTES)
    assert await again.read(reply.body["task_id"]) == GUIDE
    assert await again.sweep(house.stage.tasks) == 0
    async with house.stage.worker(house.handler):  # type: ignore[arg-type]
        task = await house.stage.ended(await house.stage.tasks.get(reply.body["task_id"]))
    assert task.status is TaskStatus.COMPLETED


async def test_a_second_attempt_goes_on_with_the_pages_that_are_not_stored(house: House) -> None:
    kept = house.stage.store
    store = StoreOf(BreaksOnce(kept.crawls), kept.knowledge, kept.generations, kept.clock)
    handler = UploadHandler(replace(house.parts, store=store))  # type: ignore[arg-type]
    reply = await house.send(json.dumps(API).encode(), "api.json")
    async with house.stage.worker(handler):  # type: ignore[arg-type]
        task = await house.stage.ended(await house.stage.tasks.get(reply.body["task_id"]))
    assert (task.status, task.attempt) == (TaskStatus.COMPLETED, 2)
    assert (task.result or {})["pages"] == 3
    assert (await house.stage.events(task)).count("page_stored") == 3
    assert house.files() == []


async def test_a_task_whose_file_went_says_so(house: House) -> None:
    reply = await house.send(GUIDE)
    await house.folder.remove(reply.body["task_id"])
    async with house.stage.worker(house.handler):  # type: ignore[arg-type]
        task = await house.stage.ended(await house.stage.tasks.get(reply.body["task_id"]))
    assert task.error is not None
    assert task.error.code == "upload_gone"


async def test_vectors_that_fail_are_made_later_without_the_file(house: House) -> None:
    embedder = Moody()
    vectors = Vectors(house.stage.store.vectors, embedder)
    handler = UploadHandler(replace(house.parts, vectors=vectors))
    reply = await house.send(GUIDE)
    async with house.stage.worker(handler):  # type: ignore[arg-type]
        task = await house.stage.ended(await house.stage.tasks.get(reply.body["task_id"]))
        assert (task.status, task.error and task.error.code) == (TaskStatus.FAILED, "embed_key_refused")
        assert house.files() == []
        assert await house.pages(task) == {"upload:///guide.md": "Pears"}
        embedder.is_refused = False
        task = await house.stage.ended(await house.stage.tasks.retry(task.task_id, only_failed=False))
    assert (task.status, task.progress.stages["embedded"].done) == (TaskStatus.COMPLETED, 1)
    source = await house.stage.store.knowledge.source(str(task.payload["source_id"]), "moody")
    assert source.embedded_chunk_count == source.chunk_count == 1


async def test_the_same_key_starts_nothing_twice(house: House) -> None:
    house.client.session.headers["Idempotency-Key"] = "k"
    first, again, other = await house.send(GUIDE), await house.send(GUIDE), await house.send(GUIDE + b"more")
    assert (first.status, again.status) == (202, 202)
    assert again.body["task_id"] == first.body["task_id"]
    assert (other.status, other.error["code"]) == (409, "idempotency_conflict")
    assert house.files() == [first.body["task_id"]]


async def test_a_full_queue_keeps_no_file(house: House) -> None:
    replies = [await house.send(GUIDE, f"{n}.md") for n in range(6)]
    assert [reply.status for reply in replies] == [202] * 5 + [503]
    assert len(house.files()) == 5


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"name": "x.png", "body": b"\x89PNG\r\n\x1a\n\x00"}, 415, "file"),
        ({"name": "x.json", "body": b'{"a": 1}'}, 415, "file"),
        ({"body": b""}, 422, "file"),
        ({"name": "../.."}, 422, "file"),
        ({"priority": "101"}, 422, "priority"),
        ({"priority": "high"}, 422, "priority"),
        ({"titel": "x"}, 422, "titel"),
        ({"title": ["a", "b"]}, 422, "title"),
        ({"title": "x" * 301}, 422, "title"),
        ({"tags": "x" * 65}, 422, "tags.0"),
        ({"tags": "x" * 70_000}, 422, "tags"),
        ({"title": b"\xff"}, 422, "title"),
        ({"webhook_url": "http://private/"}, 422, "webhook_url"),
        ({"knowledge_type": ""}, 422, "knowledge_type"),
        ({"source_id": "src_1"}, 422, "source_id"),
        ({"body": b"x" * (MAX_BYTES + 1)}, 413, "file"),
    ],
)
async def test_what_is_wrong_is_named_and_leaves_nothing(
    house: House, fields: dict[str, Any], status: int, field: str
) -> None:
    reply = await house.send(**{"body": GUIDE, **fields})
    assert (reply.status, reply.error["details"]["field"]) == (status, field)
    assert house.files() == []
    assert await house.stage.tasks.count_by_status() == {}


async def test_one_file_and_not_two_or_none(house: House) -> None:
    for count in (0, 2):
        form = aiohttp.FormData(default_to_multipart=True)
        form.add_field("title", "x")
        for _ in range(count):
            form.add_field("file", GUIDE, filename="x.md")
        reply = await house.client.call("POST", "/api/v1/knowledge/upload", data=form)
        assert (reply.status, reply.error["details"]["field"]) == (422, "file")
    assert house.files() == []


async def test_a_size_that_is_announced_is_refused_before_it_is_read(house: House) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(10**12)}
    reader, writer = await asyncio.open_connection("127.0.0.1", int(house.client.url.rpartition(":")[2]))
    lines = [
        "POST /api/v1/knowledge/upload HTTP/1.1",
        "Host: x",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.md"\r\n\r\ncut'),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\na\r\n--y--\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", FIELD * (MAX_FIELDS + 1) + b"--x--\r\n"),
    ],
)  # fmt: skip
async def test_a_broken_form_is_refused(house: House, content_type: str, body: bytes) -> None:
    reply = await house.client.call(
        "POST", "/api/v1/knowledge/upload", data=body, headers={"Content-Type": content_type}
    )
    assert reply.status in (400, 422), reply
    assert reply.error["code"] in ("bad_request", "invalid_field")
    assert house.files() == []


async def test_a_client_that_goes_away_leaves_nothing(house: House) -> None:
    async def halves() -> AsyncIterator[bytes]:
        yield b"y" * 1_500_000
        assert house.files() == ["tsk_0a"]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await house.folder.write("tsk_0a", halves())
    assert house.files() == []


async def test_orphans_are_swept(house: House) -> None:
    queued, cancelled = (await house.send(GUIDE)).body["task_id"], (await house.send(GUIDE)).body["task_id"]
    await house.stage.tasks.request_cancel(cancelled)
    young, old = house.path / "tsk_00000000000000000000aaaa", house.path / "tsk_00000000000000000000bbbb"
    for file in (young, old):
        file.write_bytes(b"x")
    before = time.time() - ORPHAN_SECONDS - 60
    os.utime(old, (before, before))
    (house.path / "notes").write_text("of somebody else")
    assert await house.folder.sweep(house.stage.tasks) == 2
    assert house.files() == sorted([queued, young.name, "notes"])


async def test_a_task_without_a_file_is_not_made(house: House) -> None:
    starter = UploadStarter(house.stage.store.crawls, house.folder)
    with pytest.raises(InvalidInput, match="needs a file"):
        await starter(NewTask("upload", {"name": "x", "kind": "text"}), None, 5)
    assert await house.stage.tasks.count_by_status() == {}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("guide.md", "guide.md"),
        ("../../etc/passwd", "passwd"),
        ("C:\\docs\\a  b.pdf", "a b.pdf"),
        ("a\x00b\x1b[31m\u202e.md", "ab[31m.md"),
        ("u\u0308ber.md", "\u00fcber.md"),
        (".hidden.", "hidden"),
        ("/", ""),
        ("...", ""),
        ("\ud800x.md", "x.md"),
        ("ü" * 300 + ".md", "ü" * 98 + ".md"),
    ],
)
def test_names_are_cleaned(sent: str, name: str) -> None:
    assert clean_name(sent) == name
