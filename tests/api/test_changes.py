"""The routes of changes: generations, pages that differ, what differs on a page, and the feeds."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from gleanery.api.changes import ChangesApi
from gleanery.model import TaskStatus
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from tests.api.client import API, Client
from tests.api.refreshed import Refreshed, refreshed, serving
from tests.store.samples import told

OLD = "# Guide\nAll of it.\n## Turn\nTurn the widget by ninety degrees.\n```py\nturn(90)\n```\n## Stop\nStop it.\n"
NEW = OLD.replace("ninety", "a hundred").replace("turn(90)", "turn(100)").replace("## Stop\nStop it.\n", "")
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with EmbeddedStore(tmp_path / "gleanery.db", lambda _: None) as it:
        yield it


@pytest.fixture
async def source(store: Store) -> Refreshed:
    """Refreshed once: `changed` is other, `gone` is gone, `new` is new, `same` is the same."""
    made = await refreshed(store, {"changed": OLD, "gone": "# Gone\nx\n", "same": "# Same\ny\n"})
    await made.crawl({"changed": NEW, "same": "# Same\ny\n", "new": "# New\nz\n"})
    return made


@pytest.fixture
async def client(store: Store) -> AsyncIterator[Client]:
    with ThreadPoolExecutor(1) as executor:
        async with serving(ChangesApi(store, executor).routes()) as it:
            yield it


async def test_generations_with_their_counts_newest_first(client: Client, source: Refreshed) -> None:
    second, first = await client.every(f"/sources/{source.source_id}/changes", limit=1)
    assert set(second) == {
        "source_id", "number", "state", "is_visible", "base", "task_id", "created_at", "completed_at", "pages", "result",
    }  # fmt: skip
    assert (second["number"], second["base"], second["state"], second["is_visible"]) == (2, 1, "complete", True)
    assert second["pages"] == {"added": 1, "changed": 1, "removed": 1}
    assert second["result"]["pages_unchanged"] == 1
    assert (first["number"], first["base"], first["is_visible"], first["pages"]) == (1, None, False, None)


async def test_the_pages_of_a_refresh_page_by_page_and_by_kind(client: Client, source: Refreshed) -> None:
    path = f"/sources/{source.source_id}/changes/2"
    rows = await client.every(path, limit=1)
    assert [(row["change"], row["url"]) for row in rows] == [
        ("changed", "https://a.test/changed"),
        ("removed", "https://a.test/gone"),
        ("added", "https://a.test/new"),
    ]
    assert all(set(row) == {"page_id", "url", "title", "change"} for row in rows)
    for row in rows:
        assert await client.every(f"{path}?kind={row['change']}") == [row]


async def page_diff(client: Client, source: Refreshed, name: str) -> dict[str, object]:
    path = f"/sources/{source.source_id}/changes/2"
    (page_id,) = [row["page_id"] for row in await client.every(path) if row["title"] == name]
    return await client.one(f"{path}/pages/{page_id}")


async def test_what_changed_on_a_page(client: Client, source: Refreshed) -> None:
    diff = await page_diff(client, source, "changed")
    sections, codes = diff["sections"], diff["code_examples"]
    assert isinstance(sections, list)
    assert isinstance(codes, list)
    assert (diff["change"], diff["lines_added"], diff["lines_removed"], diff["is_cut"]) == ("changed", 2, 3, False)
    assert [(s["changes"], s["heading_path"], s["anchor"]) for s in sections] == [
        (["changed"], ["Guide", "Turn"], "turn"),
        (["removed"], ["Guide", "Stop"], "stop"),
    ]
    removed, added = sections[0]["lines"][:2]
    assert (removed["kind"], removed["old_number"], removed["new_number"]) == ("removed", 1, None)
    assert [added["text"][a:b] for a, b in added["marks"]] == ["a hundred"]
    (code,) = codes
    assert (code["change"], code["language"], code["old_code"], code["code"]) == (
        "changed", "py", "turn(90)\n", "turn(100)\n",
    )  # fmt: skip


async def test_a_page_that_came_and_one_that_went(client: Client, source: Refreshed) -> None:
    came, went = await page_diff(client, source, "new"), await page_diff(client, source, "gone")
    assert (came["change"], came["lines_added"], came["lines_removed"]) == ("added", 1, 0)
    assert (went["change"], went["lines_added"], went["lines_removed"]) == ("removed", 0, 1)


async def test_the_versions_of_a_page_with_their_diffs(client: Client, source: Refreshed) -> None:
    (changed,) = await client.every(f"/sources/{source.source_id}/changes/2?kind=changed")
    second, first = await client.every(f"/pages/{changed['page_id']}/versions", limit=1)
    assert set(second) == {"generation", "change", "at", "task_id", "title", "chars", "is_visible"}
    assert (second["generation"], second["change"], second["chars"], second["is_visible"]) == (
        2,
        "changed",
        len(NEW),
        True,
    )
    assert (first["generation"], first["change"], first["chars"], first["is_visible"]) == (1, "added", len(OLD), False)
    for version in (first, second):
        path = f"/sources/{source.source_id}/changes/{version['generation']}/pages/{changed['page_id']}"
        assert (await client.one(path))["change"] == version["change"]
    (gone,) = await client.every(f"/sources/{source.source_id}/changes/2?kind=removed")
    newest = (await client.every(f"/pages/{gone['page_id']}/versions"))[0]
    assert (newest["generation"], newest["change"], newest["chars"]) == (2, "removed", None)


async def test_what_is_not_there_is_not_found(client: Client, source: Refreshed) -> None:
    same = (await source.store.knowledge.pages(source.source_id, after=None, limit=9))[-1][0]
    assert same.title == "same"
    for path in (
        "/sources/src_9/changes",
        "/sources/src_9/changes/1",
        "/sources/src_9/changes.atom",
        f"/sources/{source.source_id}/changes/9",
        f"/sources/{source.source_id}/changes/two",
        f"/sources/{source.source_id}/changes/{'9' * 40}",
        f"/sources/{source.source_id}/changes/2/pages/pg_9",
        "/pages/pg_9/versions",
        f"/sources/{source.source_id}/changes/2/pages/{same.page_id}",
    ):
        reply = await client.get(path)
        assert (reply.status, reply.error["code"]) == (404, "not_found"), path


@pytest.mark.parametrize(
    ("query", "field"), [("kind=moved", "kind"), ("cursor=WyJhIl0", "cursor"), ("limit=0", "limit")]
)
async def test_a_wrong_parameter_is_named(client: Client, source: Refreshed, query: str, field: str) -> None:
    path = "" if query.startswith("cursor") else "/2"
    reply = await client.get(f"/sources/{source.source_id}/changes{path}?{query}")
    assert (reply.status, reply.error["details"]["field"]) == (422, field)


async def test_the_feeds_have_an_entry_for_each_refresh_that_changed_something(
    client: Client, source: Refreshed
) -> None:
    pages = {"changed": NEW, "same": "# Same\ny\n", "new": "# New\nz\n"}
    assert (await source.crawl(pages)).number == 3
    path = f"{API}/sources/{source.source_id}/changes"
    atom = await client.call("GET", f"{path}.atom")
    assert atom.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    root = fromstring(atom.body)
    (entry,) = root.findall(f"{ATOM}entry")
    assert entry.findtext(f"{ATOM}title") == "1 page added, 1 changed, 1 removed"
    assert [link.get("href") for link in root.findall(f"{ATOM}link") if link.get("rel") == "self"] == [
        f"{client.url}{path}.atom"
    ]
    feed = await client.call("GET", f"{path}.json")
    assert feed.headers["Content-Type"] == "application/feed+json; charset=utf-8"
    (item,) = json.loads(feed.body)["items"]
    assert item["id"] == entry.findtext(f"{ATOM}id")
    assert item["url"] == f"{client.url}{path}/2"
    assert "https://a.test/gone" in item["content_html"]


async def test_a_reader_that_has_the_feed_gets_304_until_something_changes(client: Client, source: Refreshed) -> None:
    path = f"{API}/sources/{source.source_id}/changes.atom"
    headers = (await client.call("GET", path)).headers
    etag = next(value for name, value in headers.items() if name.lower() == "etag")
    again = await client.call("GET", path, headers={"If-None-Match": etag})
    assert (again.status, again.body) == (304, "")
    await source.crawl({"changed": OLD})
    assert (await client.call("GET", path, headers={"If-None-Match": etag})).status == 200


async def test_a_refused_refresh_is_listed_with_its_reasons_and_not_in_the_feed(
    client: Client, source: Refreshed
) -> None:
    building = await source.begun()
    await source.put(building, {"changed": OLD})
    await source.store.generations.reject(building.fence, source.source_id, {"reasons": ["Emptied."]})
    await source.store.tasks.finish(building.fence, TaskStatus.FAILED, told())
    newest = (await client.every(f"/sources/{source.source_id}/changes"))[0]
    assert (newest["number"], newest["state"], newest["is_visible"]) == (3, "rejected", False)
    assert newest["result"] == {"reasons": ["Emptied."]}
    feed = await client.call("GET", f"{API}/sources/{source.source_id}/changes.json")
    assert len(json.loads(feed.body)["items"]) == 1
