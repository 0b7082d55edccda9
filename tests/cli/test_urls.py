"""`gleanery tasks urls`: rows for scripts, a table with counts on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re

from gleanery.api import present
from gleanery.cli.urls import picture
from gleanery.model import FetchedBy, FrontierUrl, UrlOrigin, UrlState
from tests.cli.command import run, started
from tests.cli.scripted import shape
from tests.cli.test_tasks import crawled
from tests.sites import Site


def url(path: str, state: UrlState, **fields: object) -> FrontierUrl:
    return FrontierUrl(f"https://example.org{path}", f"//example.org{path}", 1, state, **fields)  # type: ignore[arg-type]


def test_the_table_and_the_counts() -> None:
    rows = [
        url("/", UrlState.STORED, status_code=200, origin=UrlOrigin.START, fetched_by=FetchedBy.BROWSER),
        url("/b", UrlState.SKIPPED, reason="same_content", same_as="//example.org/", origin=UrlOrigin.SITEMAP),
    ]
    task = shape(result={"reasons": {"same_content": 3, "http_404": 1}})
    lines = [line.plain for line in picture(task, [present.of_url(row) for row in rows], is_cut=True)]
    assert lines == [
        "state    reason        status  got by   found by  URL",
        "stored   -             200     browser  start     https://example.org/",
        "skipped  same_content  -       -        sitemap   https://example.org/b  (same as //example.org/)",
        "The first 2; --limit shows more.",
        "",
        "Why 4 URLs gave no page",
        "  same_content ████████████████ 3  Another page of this crawl has the same content.",
        "  http_404     ██████           1",
    ]


async def test_rows_json_and_filters(env: dict[str, str], site: Site, server: str) -> None:
    task_id = await crawled(server, site.url)
    ended = await run(env, "tasks", "urls", task_id)
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert (ended.code, ended.err) == (0, "")
    assert rows == [
        ["stored", "-", "200", "http", "start", f"{site.url}/"],
        ["stored", "-", "200", "http", "link", f"{site.url}/turning.html"],
    ]
    one = await run(env, "tasks", "urls", task_id, "--limit", "1")
    assert one.out.count("\n") == 1
    skipped = json.loads((await run(env, "tasks", "--json", "urls", task_id, "--state", "skipped")).out)
    assert skipped == {"items": [], "reasons": {}}
    none = await run(env, "tasks", "urls", task_id, "--reason", "too_deep")
    assert (none.code, none.out) == (0, "")


async def test_wrong_flags_are_named(env: dict[str, str], site: Site, server: str) -> None:
    task_id = await crawled(server, f"{site.url}/nowhere.html")
    state = await run(env, "tasks", "urls", task_id, "--state", "odd")
    assert (state.code, state.err) == (
        2,
        "gleanery: state: must be one of queued, stored, skipped, failed (invalid_field)\n",
    )
    limit = await run(env, "tasks", "urls", task_id, "--limit", "0")
    assert (limit.code, limit.err) == (2, "gleanery: --limit: must be at least 1\n")
    unknown = await run(env, "tasks", "urls", "tsk_none")
    assert (unknown.code, unknown.out) == (2, "")


async def test_a_terminal_sees_the_table(env: dict[str, str], site: Site, server: str) -> None:
    task_id = await crawled(server, site.url)
    leader, follower = pty.openpty()
    async with started(env, "tasks", "urls", task_id, stdout=follower) as process:
        os.close(follower)
        assert await process.wait() == 0
    text = re.sub(r"\x1b\[[0-9;]*m", "", os.read(leader, 65536).decode())
    os.close(leader)
    assert text.split("\r\n")[:2] == [
        "state   reason  status  got by  found by  URL",
        f"stored  -       200     http    start     {site.url}/",
    ]
