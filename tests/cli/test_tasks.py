"""`gleanery tasks` as a process, against a real server."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path

import pytest

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


async def begun(env: dict[str, str], server: str, *args: str, **payload: object) -> str:
    """The id of a task of type `test`, started by the command."""
    text = json.dumps({"steps": 1, "seconds": 0, **payload})
    ended = await run(env, "tasks", "--server", server, "start", "test", "--payload", text, *args)
    task_id, *rest = ended.out.split()
    assert (ended.code, ended.err, rest) == (0, "", ["is", "queued"])
    return task_id


LATER = ("--run-at", "2100-01-01T00:00:00Z")


async def test_start_and_wait(env: dict[str, str], server: str, tmp_path: Path) -> None:
    (tmp_path / "payload.json").write_text('{"steps": 2, "seconds": 0}')
    args = ["start", "test", "--payload", f"@{tmp_path}/payload.json", "--title", "two", "--wait", "--json"]
    ended = await run(env, "tasks", "--server", server, *args)
    task = ended.json_lines[-1]["task"]
    assert (ended.code, task["status"], task["result"], task["title"]) == (0, "completed", {"steps": 2}, "two")
    payload = '{"steps": 1, "seconds": 0, "fail_at": 1}'
    bad = await run(env, "tasks", "start", "nix", "--payload", payload)
    assert (bad.code, bad.out) == (2, "")


async def test_start_on_a_server_of_its_own(env: dict[str, str]) -> None:
    ended = await run(env, "tasks", "start", "test", "--payload", '{"steps": 1, "seconds": 0}', "--wait", "-q")
    assert (ended.code, ended.out.startswith("Completed: ")) == (0, True)


async def test_a_task_that_waits_shows_for_what(env: dict[str, str], server: str) -> None:
    first = await begun(env, server, "--queue", "slow", "--priority", "70", *LATER)
    second = await begun(env, server, "--depends-on", first)
    third = await begun(env, server, *LATER)
    paused = await run(env, "tasks", "--server", server, "pause", third)
    assert (paused.code, paused.out) == (0, f"{third} is paused\n")
    rows = [line.split("\t") for line in (await run(env, "tasks", "--server", server)).out.splitlines()]
    assert [(row[0], row[1].partition(" from")[0][:15], row[4]) for row in rows] == [
        (third, "paused", "default"),
        (second, "queued (waits f", "default"),
        (first, rows[2][1][:15], "slow"),
    ]
    assert rows[1][1] == "queued (waits for 1)"
    assert rows[2][1].startswith("queued (from 2")
    only = await run(env, "tasks", "--server", server, "list", "--queue", "slow")
    assert [line.split("\t")[0] for line in only.out.splitlines()] == [first]
    resumed = await run(env, "tasks", "--server", server, "resume", third)
    assert (resumed.code, resumed.out) == (0, f"{third} is queued\n")
    changed = await run(env, "tasks", "--server", server, "priority", third, "90")
    assert (changed.code, changed.out) == (0, f"{third} has priority 90\n")
    shown = await run(env, "tasks", "--server", server, "show", third, "--json")
    assert json.loads(shown.out)["task"]["priority"] == 90


async def test_a_running_task_is_asked_to_pause(env: dict[str, str], server: str) -> None:
    task_id = await begun(env, server, seconds=0.05, steps=1000)
    async with Client(server, None) as client, aclosing(follow(client, task_id)) as told:
        async for _ in told:
            if (await client.task(task_id)).status == "running":
                break
    asked = await run(env, "tasks", "--server", server, "pause", task_id)
    assert (asked.code, asked.out) == (0, f"{task_id} is asked to pause (now running)\n")
    assert (await run(env, "tasks", "--server", server, "cancel", task_id)).code == 0


async def test_all_that_fit_are_cancelled_and_retried(env: dict[str, str], server: str) -> None:
    for _ in range(3):
        await begun(env, server, *LATER)
    none = await run(env, "tasks", "--server", server, "cancel", "--all", "--type", "crawl")
    assert (none.code, none.out) == (0, "0 of 0 tasks cancelled or asked to stop\n")
    ended = await run(
        env, "tasks", "--server", server, "cancel", "--all", "--status", "queued,paused", "--type", "test"
    )
    assert (ended.code, ended.out) == (0, "3 of 3 tasks cancelled or asked to stop\n")
    over = await run(env, "tasks", "--server", server, "cancel", "--all", "--status", "cancelled")
    assert over.out == "0 of 3 tasks cancelled or asked to stop; 3 could not be\n"
    again = await run(env, "tasks", "--server", server, "retry", "--all", "--status", "cancelled", "--json")
    assert again.json_lines == [{"matched": 3, "changed": 3, "passed_over": 0}]


async def test_stats_and_prune(env: dict[str, str], server: str) -> None:
    done = await begun(env, server)
    await run(env, "tasks", "--server", server, "watch", done, "-q")
    await begun(env, server, *LATER)
    stats = await run(env, "tasks", "--server", server, "stats")
    lines = stats.out.splitlines()
    assert (stats.code, lines[0]) == (0, "2 tasks, 0 due now")
    assert lines[1].split() == ["queued", "█" * 32, "1"]
    assert lines[2].split() == ["running", "0"]
    assert lines[-2].split()[:3] == ["type", "queued", "running"]
    assert lines[-1].split()[:7] == ["test", "1", "0", "0", "1", "0", "0"]
    figures = json.loads((await run(env, "tasks", "--server", server, "stats", "--json")).out)
    assert {state: count for state, count in figures["by_status"].items() if count} == {"completed": 1, "queued": 1}
    young = await run(env, "tasks", "--server", server, "prune", "--older-than", "30d")
    assert (young.code, young.out) == (0, "removed 0 tasks with 0 events\n")
    dry = await run(env, "tasks", "--server", server, "prune", "--older-than", "0d", "--dry-run")
    assert (dry.code, dry.out.startswith("would remove 1 tasks with ")) == (0, True)
    gone = await run(env, "tasks", "--server", server, "prune", "--older-than", "0m", "--status", "completed", "--json")
    assert [(line["tasks"], line["dry_run"]) for line in gone.json_lines] == [(1, False)]
    assert (await run(env, "tasks", "--server", server, "show", done)).code == 2


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["cancel"], "ID: name one task, or say --all to cancel all that fit"),
        (["retry", "tsk_1", "--all"], "ID: name one task, or say --all to retry all that fit"),
        (["cancel", "tsk_1", "--type", "crawl"], "--all: --status and --type choose among all tasks"),
        (["retry", "--all", "--only-failed"], "--only-failed: is for one crawl: name it"),
        (["start", "test", "--payload", "{"], "--payload: is not JSON: "),
        (["start", "test", "--payload", "[]"], "--payload: must be a JSON object"),
        (["start", "test", "--payload", "@/nowhere.json"], "--payload: /nowhere.json can't be read: No such file"),
        (["start", "test", "--run-at", "soon"], "--run-at: 'soon' is not a time such as "),
        (["prune", "--older-than", "30"], "--older-than: '30' is not like 30d, 12h or 0d"),
    ],
)
async def test_wrong_flags_are_named_before_a_server_is_looked_for(
    env: dict[str, str], args: list[str], complaint: str
) -> None:
    ended = await run(env, "tasks", "--server", "http://127.0.0.1:1", *args)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"gleanery: {complaint}")
