"""`gleanery tasks` as a process, against a real server."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path

from gleanery.cli.client import Client
from gleanery.cli.follow import follow
from tests.cli.command import run
from tests.cli.conftest import page
from tests.sites import Site


async def crawled(server: str, url: str) -> str:
    """The id of a crawl that has ended."""
    async with Client(server, None) as client:
        task_id = (await client.start_crawl({"url": url})).task_id
        async with aclosing(follow(client, task_id)) as told:
            async for _ in told:
                pass
    return task_id


async def test_what_failed_is_listed_before_what_is_newer(env: dict[str, str], site: Site, server: str) -> None:
    bad = await crawled(server, f"{site.url}/nowhere.html")
    good = await crawled(server, site.url)
    ended = await run(env, "tasks", "--server", server)
    rows = [line.split("\t") for line in ended.out.splitlines()]
    assert [row[:4] for row in rows] == [
        [bad, "failed (http_404)", "-", "crawl"],
        [good, "completed", "100 %", "crawl"],
    ]
    listed = await run(env, "tasks", "--server", server, "--json", "list", "--status", "completed", "--type", "crawl")
    assert [item["task_id"] for item in json.loads(listed.out)["items"]] == [good]
    one = await run(env, "tasks", "--server", server, "list", "--limit", "1")
    assert one.out.split("\t")[0] == bad


async def test_show_tells_the_problems(env: dict[str, str], site: Site, site_dir: Path, server: str) -> None:
    (site_dir / "turning.html").unlink()
    task_id = await crawled(server, site.url)
    ended = await run(env, "tasks", "--server", server, "show", task_id)
    assert ended.code == 0
    assert f"task_id: {task_id}\n" in ended.out
    assert "    http_404: 1\n" in ended.out
    problem = f"problem: http_404 {site.url}/turning.html · The site answered 404 Not Found. (tried 1×, found on {site.url}/)\n"
    assert ended.out.endswith(problem)
    shown = json.loads((await run(env, "tasks", "--server", server, "show", task_id, "--json")).out)
    assert (shown["task"]["task_id"], [row["reason"] for row in shown["problems"]]) == (task_id, ["http_404"])


async def test_retry_of_only_what_failed(env: dict[str, str], site: Site, site_dir: Path, server: str) -> None:
    (site_dir / "turning.html").unlink()
    task_id = await crawled(server, site.url)
    (site_dir / "turning.html").write_text(page("Turning", "<p>How a widget is turned, told once more.</p>"))
    asked = await run(env, "tasks", "--server", server, "retry", task_id, "--only-failed", "--json")
    assert (asked.code, [line["task"]["task_id"] for line in asked.json_lines]) == (0, [task_id])
    watched = await run(env, "tasks", "--server", server, "watch", task_id, "--json", "--quiet")
    assert (watched.code, watched.json_lines[0]["task"]["result"]["pages"]) == (0, 2)
    assert site.counts["/"] == 1


async def test_what_the_server_refuses_is_told(env: dict[str, str], site: Site, server: str) -> None:
    unknown = await run(env, "tasks", "--server", server, "show", "tsk_none")
    assert (unknown.code, unknown.out) == (2, "")
    assert unknown.err == "gleanery: There is no task with the id 'tsk_none'. (not_found)\n"
    task_id = await crawled(server, site.url)
    over = await run(env, "tasks", "--server", server, "cancel", task_id)
    assert (over.code, over.out) == (1, "")
    assert over.err.endswith("(wrong_state)\n")
    status = await run(env, "tasks", "--server", server, "list", "--status", "odd")
    assert (status.code, status.err.startswith("gleanery: status: must be some of ")) == (2, True)
