"""A source on its way from one server to another: the same pages, the same hits, the same scores; and what is refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import zipfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest

from gleanery.model import utc_now
from gleanery.store.backup import restore_backup
from gleanery.web.llms import parse_llms
from gleanery.web.llms_full import split_full
from tests.api.client import API, Client, Crawl, Reply
from tests.conftest import ServePages, StartServer
from tests.sites import Site
from tests.sites.openai_api import Fault, OpenAIApi, openai_api

PAGES = {
    "index.html": """<title>Pears</title><main><h1>Pears</h1><p>All about pears 漢字 🍐, from the tree to the table.</p>
        <ul><li><a href=guide/plant.html>Plant</a><li><a href=guide/index.html>Guide</a><li><a href=api/tree.html>Tree</a>
        <li><a href=api/pear.html>Pear</a></ul></main>""",
    "guide/index.html": "<title>The guide</title><main><h1>The guide</h1><p>How a pear tree is grown and kept in order.</p></main>",
    "guide/plant.html": """<title>Planting</title><meta name=description content="How to plant a tree.">
        <main><h1>Planting</h1><p>Dig a hole of the right size for the roots.</p>
        <pre><code class="language-python">tree = Tree()\ntree.plant(depth=2)  # 𝄞\n</code></pre></main>""",
    "api/tree.html": "<title>Tree</title><main><h1>Tree</h1><p>A tree has branches, and branches have pears on them.</p></main>",
    "api/pear.html": "<title>Pear</title><main><h1>Pear</h1><p>A pear has a weight and a colour, it ripens late.</p></main>",
}
QUERIES = ("pears", "how to plant a tree", "tree.plant", "weight of a pear", "漢字", "branches")


@pytest.fixture
async def api() -> AsyncIterator[OpenAIApi]:
    async with openai_api() as api:
        yield api


@pytest.fixture
async def site(serve_pages: ServePages) -> Site:
    return await serve_pages(PAGES)


class Servers:
    """Servers of one test, each with its own folder; with vectors of `api`."""

    def __init__(self, start: StartServer, tmp_path: Path, api: OpenAIApi) -> None:
        self._start = start
        self._tmp_path = tmp_path
        self._api = api

    async def start(self, name: str, **flags: Any) -> Client:
        usual = {"embedder": "openai", "openai_api_key": "sk-test", "openai_base_url": self._api.base_url}
        return await self._start(data_dir=self._tmp_path / name, **{**usual, **flags})


@pytest.fixture
def servers(start_server: StartServer, tmp_path: Path, api: OpenAIApi) -> Servers:
    return Servers(start_server, tmp_path, api)


async def exported(client: Client, source_id: str, target: Path) -> Path:
    async with client.session.get(f"{client.url}{API}/sources/{source_id}/export") as reply:
        assert reply.status == 200, await reply.text()
        assert reply.headers["Content-Type"] == "application/zip"
        assert reply.headers["Content-Disposition"].startswith('attachment; filename="')
        target.write_bytes(await reply.read())
    return target


async def send(client: Client, file: Path | bytes, **query: str) -> Reply:
    raw = file if isinstance(file, bytes) else file.read_bytes()
    return await client.call(
        "POST", f"{API}/knowledge/import", data=raw, params=query, headers={"Content-Type": "application/zip"}
    )


async def imported(client: Client, file: Path, **query: str) -> Crawl:
    reply = await send(client, file, **query)
    assert reply.status == 202, reply
    return await client.ended(str(reply.body["task_id"]))


async def knowledge(client: Client, source_id: str) -> dict[str, Any]:
    """All that is seen of a source, without ids that hold the source's and without its tasks."""
    source = await client.one(f"/sources/{source_id}")
    pages = await client.every(f"/sources/{source_id}/pages")
    whole = [await client.one(f"/pages/{page['page_id']}") for page in pages]
    urls = {page["page_id"]: page["url"] for page in pages}

    def plain(row: dict[str, Any]) -> dict[str, Any]:
        gone = {"page_id", "source_id", "chunk_id", "code_id", "task_id", "generation", "born", "row"}
        return {"of": urls.get(row["page_id"]), **{k: v for k, v in row.items() if k not in gone}}

    names = ("url", "title", "tags", "knowledge_type", "pages", "chunks", "code_examples", "size_bytes")
    return {
        "source": {name: source[name] for name in (*names, "embedded_chunks", "description", "options")},
        "pages": [plain(page) for page in whole],
        "chunks": [plain(row) for row in await client.every(f"/sources/{source_id}/chunks")],
        "code": [plain(row) for row in await client.every(f"/sources/{source_id}/code-examples")],
    }


async def words_are_read(client: Client) -> None:
    """Until the server has read the words of its index, by which it chooses what to rank: it corrects one then."""
    async with asyncio.timeout(40):
        while not (await client.post("/search", {"query": "brances", "mode": "keyword"})).body["corrections"]:
            pass


async def hits(client: Client, query: str, mode: str) -> list[Any]:
    reply = await client.post("/search", {"query": query, "mode": mode, "limit": 20})
    assert reply.status == 200, reply
    return [(hit["url"], hit["content"], hit["score"], hit["scores"], hit["highlights"]) for hit in reply.body["hits"]]


async def test_another_server_has_the_same_and_finds_the_same_with_the_same_scores(
    servers: Servers, site: Site, api: OpenAIApi, tmp_path: Path
) -> None:
    async with AsyncExitStack() as until:
        crawl = await (await servers.start("first", until=until)).crawl(f"{site.url}/index.html", tags=["fruit"])
    # Started anew it goes by what it has stored, as the other one does: vectors are kept as float16.
    first, second = await servers.start("first"), await servers.start("second")
    file = await exported(first, crawl.source_id, tmp_path / "a.zip")
    asked = len(api.requests)
    site.requests.clear()
    done = await imported(second, file)
    assert done.status == "completed", done.task["error"]
    assert await knowledge(second, done.source_id) == await knowledge(first, crawl.source_id)
    assert len(api.requests) == asked  # nothing was embedded again
    assert not site.requests
    for client in (first, second):
        await words_are_read(client)
    for mode in ("keyword", "vector", "hybrid"):
        for query in QUERIES:
            assert await hits(second, query, mode) == await hits(first, query, mode)
            assert mode == "keyword" or await hits(second, query, mode)


async def test_vectors_are_the_same_to_the_bit_when_they_go_on(servers: Servers, site: Site, tmp_path: Path) -> None:
    first, second = await servers.start("first"), await servers.start("second")
    crawl = await first.crawl(f"{site.url}/index.html")
    one = await exported(first, crawl.source_id, tmp_path / "one.zip")
    two = await exported(second, (await imported(second, one)).source_id, tmp_path / "two.zip")
    with zipfile.ZipFile(one) as before, zipfile.ZipFile(two) as after:
        for name in ("pages.jsonl", "chunks.jsonl", "code.jsonl", "queries.jsonl", "vectors-0.npy", "vectors-0.texts"):
            assert after.read(name) == before.read(name), name
        with after.open("vectors-0.npy") as matrix:
            assert np.load(matrix).shape == (len(after.read("vectors-0.texts").split()), 1536)


async def test_without_vectors_of_its_own_model_a_server_makes_them(
    servers: Servers, site: Site, api: OpenAIApi, tmp_path: Path
) -> None:
    first = await servers.start("first")
    second = await servers.start("second", embedding_model="text-embedding-3-large")
    crawl = await first.crawl(f"{site.url}/index.html")
    done = await imported(second, await exported(first, crawl.source_id, tmp_path / "a.zip"))
    source = await second.one(f"/sources/{done.source_id}")
    assert source["embedded_chunks"] == source["chunks"] > 0
    assert [event["data"]["code"] for event in done.events if event["type"] == "warning_raised"] == ["model_not_used"]
    assert api.requests[-1].model == "text-embedding-3-large"
    assert await hits(second, "how to plant a tree", "vector")


async def test_an_embedder_that_fails_leaves_the_pages_to_be_found_by_words(
    servers: Servers, site: Site, api: OpenAIApi, tmp_path: Path
) -> None:
    first = await servers.start("first", embedder="none")
    second = await servers.start("second")
    crawl = await first.crawl(f"{site.url}/index.html")
    file = await exported(first, crawl.source_id, tmp_path / "a.zip")
    api.fail_with(Fault.KEY_REFUSED, times=50)
    done = await imported(second, file)
    assert done.status == "completed"
    assert "embed_key_refused" in [e["data"]["code"] for e in done.events if e["type"] == "warning_raised"]
    assert await hits(second, "branches", "keyword") == await hits(first, "branches", "keyword") != []


async def test_a_source_that_is_there_is_replaced_only_when_asked_and_at_once(
    servers: Servers, site: Site, tmp_path: Path
) -> None:
    first, second = await servers.start("first"), await servers.start("second")
    crawl = await first.crawl(f"{site.url}/index.html")
    file = await exported(first, crawl.source_id, tmp_path / "a.zip")
    (tmp_path / "site" / "index.html").write_text(
        "<title>New</title><main><h1>New</h1><p>Nothing but apples here.</p></main>"
    )
    known = await second.crawl(f"{site.url}/index.html")
    before = await knowledge(second, known.source_id)
    refused = await send(second, file)
    assert (refused.status, refused.error["code"]) == (409, "wrong_state")
    assert refused.error["details"]["source_id"] == known.source_id
    assert not list((tmp_path / "second" / "uploads").iterdir())
    assert await knowledge(second, known.source_id) == before
    done = await imported(second, file, replace="true")
    assert done.source_id == known.source_id
    assert await knowledge(second, done.source_id) == await knowledge(first, crawl.source_id)
    assert not await hits(second, "apples", "keyword")


async def test_a_page_that_the_file_does_not_have_goes_with_the_old_state(
    servers: Servers, site: Site, tmp_path: Path
) -> None:
    first = await servers.start("first")
    crawl = await first.crawl(f"{site.url}/index.html", max_depth=0)
    file = await exported(first, crawl.source_id, tmp_path / "a.zip")
    second = await servers.start("second")
    whole = await second.crawl(f"{site.url}/index.html")
    assert (await second.one(f"/sources/{whole.source_id}"))["pages"] == len(PAGES)
    done = await imported(second, file, replace="true")
    assert (await second.one(f"/sources/{done.source_id}"))["pages"] == 1
    assert not await hits(second, "branches", "keyword")


async def test_the_same_key_sends_the_same_task(servers: Servers, site: Site, tmp_path: Path) -> None:
    client = await servers.start("first")
    crawl = await client.crawl(f"{site.url}/index.html")
    file = await exported(client, crawl.source_id, tmp_path / "a.zip")
    await client.delete(f"/sources/{crawl.source_id}")
    headers = {"Content-Type": "application/zip", "Idempotency-Key": "k1"}
    path = f"{API}/knowledge/import"
    one = await client.call("POST", path, data=file.read_bytes(), headers=headers)
    await client.ended(one.body["task_id"])
    two = await client.call("POST", path, data=file.read_bytes(), headers=headers)
    assert (two.status, two.body["task_id"]) == (202, one.body["task_id"])
    other = await client.call("POST", path, data=file.read_bytes(), headers=headers, params={"priority": "3"})
    assert (other.status, other.error["code"]) == (409, "idempotency_conflict")
    assert not list((tmp_path / "first" / "uploads").iterdir())


async def test_as_a_form_too(servers: Servers, site: Site, tmp_path: Path) -> None:
    first, second = await servers.start("first"), await servers.start("second")
    crawl = await first.crawl(f"{site.url}/index.html")
    file = await exported(first, crawl.source_id, tmp_path / "a.zip")
    form = aiohttp.FormData()
    form.add_field("replace", "false")
    form.add_field("file", file.read_bytes(), filename="pears.zip", content_type="application/zip")
    reply = await second.call("POST", f"{API}/knowledge/import", data=form)
    assert reply.status == 202, reply
    done = await second.ended(reply.body["task_id"])
    assert (done.status, done.task["payload"]["name"]) == ("completed", "pears.zip")


async def test_an_upload_goes_over_as_well(servers: Servers, tmp_path: Path) -> None:
    first, second = await servers.start("first"), await servers.start("second")
    form = aiohttp.FormData()
    form.add_field("file", b"# Notes\n\nOn pears.\n", filename="notes.md", content_type="text/markdown")
    task_id = (await first.call("POST", f"{API}/knowledge/upload", data=form)).body["task_id"]
    source_id = (await first.ended(task_id)).source_id
    done = await imported(second, await exported(first, source_id, tmp_path / "a.zip"))
    assert done.status == "completed", done.task["error"]
    assert await knowledge(second, done.source_id) == await knowledge(first, source_id)
    assert (await second.one(f"/sources/{done.source_id}"))["url"] == "upload:///notes.md"


# Refusals


def edited(file: Path, target: Path, part: str, line: int, **fields: Any) -> Path:
    """The file with other fields in one line (0: of the source in the manifest), its manifest made to fit."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts["manifest.json"])
    if line:
        lines = parts[part].splitlines()
        lines[line - 1] = json.dumps({**json.loads(lines[line - 1]), **fields}).encode()
        parts[part] = b"".join(each + b"\n" for each in lines)
        manifest["parts"][part].update(bytes=len(parts[part]), sha256=hashlib.sha256(parts[part]).hexdigest())
    else:
        manifest["source"].update(fields)
    parts["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, raw in parts.items():
            archive.writestr(name, raw)
    return target


async def test_of_a_file_that_is_not_sound_nothing_comes_in(servers: Servers, site: Site, tmp_path: Path) -> None:
    first, second = await servers.start("first"), await servers.start("second")
    crawl = await first.crawl(f"{site.url}/index.html")
    file = await exported(first, crawl.source_id, tmp_path / "a.zip")
    bad = edited(file, tmp_path / "bad.zip", "chunks.jsonl", 3, content="other")
    done = await imported(second, bad)
    assert (done.status, done.task["error"]["code"]) == ("failed", "invalid_field")
    assert "chunks.jsonl: line 3: content:" in done.task["error"]["message"]
    assert (await second.one(f"/sources/{done.source_id}"))["pages"] == 0
    assert not list((tmp_path / "second" / "uploads").iterdir())
    good = await imported(second, file, replace="true")
    assert (good.status, good.task["result"]["pages"]) == ("completed", len(PAGES))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"url": "http://user:pw@a.test/"}, "manifest.json: source.url: carries a user name"),
        ({"url": "http:///"}, "manifest.json: source.url"),
        ({"options": {"max_depth": -1}}, "manifest.json: source.options.max_depth"),
        ({"options": {"shell": "rm"}}, "manifest.json: source.options.shell"),
        ({"tags": [""]}, "manifest.json: source.options.tags"),
    ],
)
async def test_what_the_manifest_says_wrongly_is_told_at_once(
    servers: Servers, site: Site, tmp_path: Path, fields: dict[str, Any], reason: str
) -> None:
    client = await servers.start("first")
    crawl = await client.crawl(f"{site.url}/index.html")
    file = await exported(client, crawl.source_id, tmp_path / "a.zip")
    reply = await send(client, edited(file, tmp_path / "b.zip", "manifest.json", 0, **fields), replace="true")
    assert (reply.status, reply.error["details"]["field"]) == (422, "file"), reply
    assert reply.error["details"]["reason"].startswith(reason)
    assert not list((tmp_path / "first" / "uploads").iterdir())


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ({}, {"Content-Type": "application/zip"}, 422, "invalid_field"),
        ({}, {"Content-Type": "text/plain"}, 400, "bad_request"),
        ({"colour": "red"}, {"Content-Type": "application/zip"}, 422, "invalid_field"),
        ({"priority": "101"}, {"Content-Type": "application/zip"}, 422, "invalid_field"),
        ({"webhook_url": "ftp://x"}, {"Content-Type": "application/zip"}, 422, "unsupported_scheme"),
        ({}, {"Content-Type": "multipart/form-data; boundary=x"}, 400, "bad_request"),
    ],
)
async def test_a_request_that_can_not_be_is_refused(
    client: Client, tmp_path: Path, query: dict[str, str], headers: dict[str, str], status: int, code: str
) -> None:
    reply = await client.call("POST", f"{API}/knowledge/import", data=b"no zip", params=query, headers=headers)
    assert (reply.status, reply.error["code"]) == (status, code), reply
    uploads = tmp_path / "data" / "uploads"
    assert not uploads.exists() or not list(uploads.iterdir())


async def test_a_task_without_a_file_is_refused(client: Client) -> None:
    reply = await client.post("/tasks", {"task_type": "import", "payload": {}})
    assert reply.status == 422
    assert "/api/v1/knowledge/import" in reply.error["message"]


async def test_unknown_sources_are_not_found(client: Client) -> None:
    for end in ("export", "llms.txt", "llms-full.txt"):
        reply = await client.get(f"/sources/src_nothing/{end}")
        assert (reply.status, reply.error["code"]) == (404, "not_found")


# In the middle


async def test_it_goes_on_where_it_was_stopped(servers: Servers, site: Site, tmp_path: Path) -> None:
    """A server that ends while a large file comes in: at its next start nothing is doubled and nothing is missing."""
    (tmp_path / "site" / "index.html").write_text(
        "<title>Many</title><main><h1>Many</h1><p>Words enough for a page of its own, and links.</p>"
        + "".join(f"<a href=p{n}.html>{n}</a> " for n in range(150)) + "</main>"
    )  # fmt: skip
    for n in range(150):
        (tmp_path / "site" / f"p{n}.html").write_text(
            f"<title>P{n}</title><main><h1>P{n}</h1><p>Page number {n} tells of pears at length, and of n{n}n.</p></main>"
        )
    first = await servers.start("first")
    crawl = await first.crawl(f"{site.url}/index.html")
    file = await exported(first, crawl.source_id, tmp_path / "a.zip")
    async with AsyncExitStack() as until:
        second = await servers.start("second", until=until)
        task_id = (await send(second, file)).body["task_id"]
        await second.until_stored(task_id, 40)
    again = await servers.start("second")
    done = await again.ended(task_id)
    assert done.status == "completed"
    stored = [event["data"]["url"] for event in done.events if event["type"] == "page_stored"]
    assert len(stored) == len(set(stored)) == 151
    assert await knowledge(again, done.source_id) == await knowledge(first, crawl.source_id)


async def test_an_export_has_one_moment_though_a_refresh_takes_its_place(
    servers: Servers, site: Site, tmp_path: Path
) -> None:
    client = await servers.start("first")
    crawl = await client.crawl(f"{site.url}/index.html")
    before = await knowledge(client, crawl.source_id)

    async def refresh() -> None:
        for name in PAGES:
            path = tmp_path / "site" / name
            path.write_text(path.read_text().replace("pear", "apple"))
        await client.crawl(f"{site.url}/index.html")

    files = [tmp_path / f"{n}.zip" for n in range(8)]
    refreshing = asyncio.create_task(refresh())
    for path in files:
        await exported(client, crawl.source_id, path)
    await refreshing
    after = await knowledge(client, crawl.source_id)
    texts = {"before": [p["markdown"] for p in before["pages"]], "after": [p["markdown"] for p in after["pages"]]}
    assert texts["before"] != texts["after"]
    for path in files:
        with zipfile.ZipFile(path) as archive:
            rows = [json.loads(line) for line in archive.read("pages.jsonl").splitlines()]
        found = [row["markdown"] for row in sorted(rows, key=lambda row: str(row["url_key"]))]
        assert found in (texts["before"], texts["after"])


# llms.txt


async def test_llms_txt_lists_every_page_by_the_structure_of_the_site(client: Client, site: Site) -> None:
    crawl = await client.crawl(f"{site.url}/index.html")
    async with client.session.get(f"{client.url}{API}/sources/{crawl.source_id}/llms.txt") as reply:
        assert reply.headers["Content-Type"] == "text/markdown; charset=utf-8"
        text = await reply.text()
    assert text.splitlines()[0] == "# Pears"
    read = parse_llms(text, f"{site.url}/llms.txt")
    assert read is not None
    listed = {section.title: [(link.title, link.url) for link in section.links] for section in read.sections}
    assert listed == {
        "Pages": [("Pears", f"{site.url}/index.html")],
        "The guide": [("Planting", f"{site.url}/guide/plant.html"), ("The guide", f"{site.url}/guide/index.html")],
        "Api": [("Tree", f"{site.url}/api/tree.html"), ("Pear", f"{site.url}/api/pear.html")],
    }
    assert next(link.notes for link in read.links() if link.title == "Planting") == "How to plant a tree."


async def test_llms_full_txt_has_the_text_of_every_page(client: Client, site: Site) -> None:
    crawl = await client.crawl(f"{site.url}/index.html")
    async with client.session.get(f"{client.url}{API}/sources/{crawl.source_id}/llms-full.txt") as reply:
        assert reply.headers["Content-Type"] == "text/markdown; charset=utf-8"
        text = await reply.text()
    pages = await client.every(f"/sources/{crawl.source_id}/pages")
    texts = {page["url"]: (await client.one(f"/pages/{page['page_id']}"))["markdown"] for page in pages}
    read = {page.url: page.markdown for page in split_full(text, f"{site.url}/llms-full.txt")}
    assert read == {url: markdown.strip("\n") for url, markdown in texts.items()}


async def test_our_own_crawl_takes_the_whole_source_from_its_llms_full_txt(
    servers: Servers, site: Site, tmp_path: Path
) -> None:
    first, second = await servers.start("first"), await servers.start("second")
    crawl = await first.crawl(f"{site.url}/index.html")
    async with first.session.get(f"{first.url}{API}/sources/{crawl.source_id}/llms-full.txt") as reply:
        text = await reply.text()
    for name in PAGES:
        (tmp_path / "site" / name).unlink()
    (tmp_path / "site" / "llms-full.txt").write_text(text)
    again = await second.crawl(f"{site.url}/llms-full.txt")
    whole = {page["url"]: page for page in await first.every(f"/sources/{crawl.source_id}/pages")}
    assert {page["url"] for page in await second.every(f"/sources/{again.source_id}/pages")} == {*whole}


# Backup


async def test_a_backup_over_rest_restores_to_the_same_server(servers: Servers, site: Site, tmp_path: Path) -> None:
    async with AsyncExitStack() as until:
        crawl = await (await servers.start("first", until=until)).crawl(f"{site.url}/index.html")
    first = await servers.start("first")
    async with first.session.post(f"{first.url}{API}/backup") as reply:
        assert reply.status == 200
        assert reply.headers["Content-Disposition"].endswith('.backup.zip"')
        (tmp_path / "b.zip").write_bytes(await reply.read())
    assert not [
        path.name for path in (tmp_path / "first").iterdir() if path.name.startswith((".sending", "backup.part"))
    ]
    restore_backup(tmp_path / "b.zip", tmp_path / "again", now=utc_now())
    again = await servers.start("again")
    assert await knowledge(again, crawl.source_id) == await knowledge(first, crawl.source_id)
    for query in QUERIES:
        assert await hits(again, query, "hybrid") == await hits(first, query, "hybrid") != []
    assert (await again.one(f"/tasks/{crawl.task_id}"))["status"] == "completed"
