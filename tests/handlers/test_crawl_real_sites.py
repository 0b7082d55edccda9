"""Crawls of real documentation, held against an independent walk of the same folder by another parser."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import lxml.html  # type: ignore[import-untyped]
import pytest

from gleanery.store.words import light_stem
from tests.api.client import Client, Crawl
from tests.conftest import GIT_DOCS, PYTHON_DOCS
from tests.sites import Site

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Walk:
    """What a start page leads to within its folder: pages that are there, and links to none."""

    pages: set[str]
    broken: set[str]


def walk(folder: Path, start: str) -> Walk:
    """Follow the links of the files below `folder` from the path `start`, as a reader would who stays in its directory."""
    prefix = start.rpartition("/")[0] + "/"
    pages, broken, seen, waiting = set[str](), set[str](), {start}, deque([start])
    while waiting:
        path = waiting.popleft()
        file = folder / unquote(path.lstrip("/"))
        if not file.is_file():
            broken.add(path)
            continue
        pages.add(path)
        for href in lxml.html.fromstring(file.read_bytes()).xpath("//a/@href | //area/@href"):
            target = urlsplit(urldefrag(urljoin(f"http://site{path}", href.strip())).url)
            is_page = target.path.endswith((".html", "/")) or "." not in target.path.rpartition("/")[2]
            if target.netloc == "site" and target.path.startswith(prefix) and is_page and target.path not in seen:
                seen.add(target.path)
                waiting.append(target.path)
    return Walk(pages, broken)


COPIES = {"/index.html", "/git.html"}
"""Debian's index of git's documentation is its page git(1): whichever is read first is kept."""


async def check_against(walk: Walk, client: Client, crawl: Crawl, site: Site) -> None:
    """Every page exactly once, fetched once; all counters agree; no gap among the events."""
    rows = await client.every(f"/sources/{crawl.source_id}/pages")
    urls = await client.urls(crawl.task_id, site.url)
    copies = {path for path, row in urls.items() if row["reason"] == "same_content"}
    assert copies <= COPIES
    pages = walk.pages - copies
    assert Counter(row["url"].removeprefix(site.url) for row in rows) == Counter(dict.fromkeys(pages, 1))
    assert site.pages == Counter(dict.fromkeys(walk.pages | walk.broken, 1))
    assert {path for path, row in urls.items() if row["state"] == "stored"} == pages
    assert {path: row["reason"] for path, row in urls.items() if row["state"] == "failed"} == dict.fromkeys(
        walk.broken, "http_404"
    )
    chunks = await client.every(f"/sources/{crawl.source_id}/chunks")
    codes = await client.every(f"/sources/{crawl.source_id}/code-examples")
    source, result = await client.one(f"/sources/{crawl.source_id}"), crawl.task["result"]
    stored = [event["data"] for event in crawl.events if event["type"] == "page_stored"]
    for name, count in (("pages", len(rows)), ("chunks", len(chunks)), ("code_examples", len(codes))):
        told = len(stored) if name == "pages" else sum(data[name] for data in stored)
        assert source[name] == result[name] == told == count, name
    assert len({chunk["chunk_id"] for chunk in chunks}) == len(chunks)
    assert result["failed"] == len(walk.broken)
    assert all(row["chars"] > 0 for row in rows)
    assert [event["seq"] for event in crawl.events] == list(range(1, crawl.task["last_seq"] + 1))


async def check_hits(client: Client, query: str, words: set[str], page: str) -> None:
    """A search finds `page` among the first ten, and marks words of the query, in any of their forms, and nothing else."""
    stems = {light_stem(word) for word in words}
    hits = (await client.post("/search", {"query": query})).body["hits"]
    assert page in [hit["url"].partition("#")[0].rpartition("/")[2] for hit in hits]
    assert [hit["score"] for hit in hits] == sorted((hit["score"] for hit in hits), reverse=True)
    for hit in hits:
        content = hit["content"]
        marked = [content[start:end].lower() for start, end in hit["highlights"]]
        is_there = any(re.search(rf"\b{word}\b", content, re.IGNORECASE) for word in words)
        assert marked or not is_there, content
        assert {light_stem(part) for mark in marked for part in re.split("[-_ ]", mark)} <= stems


async def test_the_whole_of_gits_documentation(client: Client, git_docs: Site) -> None:
    expected = walk(GIT_DOCS, "/index.html")
    assert len(expected.pages) > 200
    crawl = await client.crawl(f"{git_docs.url}/index.html", render="http")
    assert crawl.status == "completed"
    await check_against(expected, client, crawl, git_docs)
    await check_hits(client, "cherry-pick commit", {"cherry", "pick", "commit"}, "git-cherry-pick.html")


async def test_a_folder_of_pythons_documentation(client: Client, python_docs: Site) -> None:
    expected = walk(PYTHON_DOCS, "/howto/index.html")
    assert len(expected.pages) > 15
    crawl = await client.crawl(f"{python_docs.url}/howto/index.html")
    assert crawl.status == "completed"
    await check_against(expected, client, crawl, python_docs)
    await check_hits(client, "logging handlers", {"logging", "handlers"}, "logging.html")


async def test_code_is_found_and_is_the_page_s_own(client: Client, python_docs: Site) -> None:
    crawl = await client.crawl(f"{python_docs.url}/tutorial/index.html")
    hits = (await client.post("/search/code", {"query": "fib"})).body["hits"]
    assert {hit["url"].partition("#")[0].rpartition("/")[2] for hit in hits} >= {"modules.html", "controlflow.html"}
    for hit in hits:
        blocks = lxml.html.fromstring((PYTHON_DOCS / "tutorial" / Path(urlsplit(hit["url"]).path).name).read_bytes())
        own = [block.text_content().rstrip() for block in blocks.iter("pre")]
        assert hit["code"].rstrip() in own
        assert hit["source_id"] == crawl.source_id
    first = hits[0]
    assert {hit["language"] for hit in hits} == {"python"}
    assert "fib" in {first["code"][start:end] for start, end in first["highlights"]}
    assert first["heading_path"]
