"""`gleanery worker` as a process: what it says, which tasks it takes, how it ends, and what it refuses."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tests.cli.command import run, started

TYPES = (
    "crawl, crawl_part, parse_page, upload, import, embed_source, enrich_source, group_traces, forget_traces, test, "
    "fetch_evidence, analyze_compliance, generate_report, triage_story, analyze_story, enhance_story, write_back_story"
)


@asynccontextmanager
async def worker(env: dict[str, str], *args: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A worker that is ready, and the line that it said."""
    async with started(env, "worker", *args) as process:
        assert process.stdout is not None
        async with asyncio.timeout(60):
            said = (await process.stdout.readline()).decode()
        yield process, said


async def test_it_runs_tasks_without_a_server_and_stops_in_order(env: dict[str, str]) -> None:
    async with worker(env, "--worker-id", "wombat", "--concurrency", "2") as (process, said):
        assert said == f"worker wombat runs tasks of {TYPES}, 2 at once\n"
        begun = await run(env, "tasks", "start", "test", "--payload", '{"steps": 1, "seconds": 0}')
        assert (begun.code, begun.out.split()[1:]) == (0, ["is", "queued"])
        assert begun.err == "It runs when a server or a worker runs on this data folder.\n"
        followed = await run(env, "tasks", "watch", begun.out.split()[0], "--json")
        assert followed.code == 0
        starts = [line["data"]["worker_id"] for line in followed.json_lines if line.get("type") == "task_started"]
        assert starts == ["wombat"]
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(15):
            assert await process.wait() == 0


async def test_it_takes_only_its_types(env: dict[str, str]) -> None:
    async with AsyncExitStack() as stack:
        _, said = await stack.enter_async_context(
            worker(env, "--worker-id", "a", "--task-types", "crawl, embed_source")
        )
        assert said == "worker a runs tasks of crawl, crawl_part, embed_source, 8 at once\n"
        task_id = (await run(env, "tasks", "start", "test", "--payload", '{"steps": 1, "seconds": 0}')).out.split()[0]
        listed = await run(env, "tasks", "list", "--status", "queued", "--queue", "default")
        assert listed.out.split("\t")[:4] == [task_id, "queued", "0 %", "test"]
        await stack.enter_async_context(worker(env, "--worker-id", "b", "--task-types", "test"))
        followed = await run(env, "tasks", "watch", task_id, "--json")
        assert [line["data"] for line in followed.json_lines if line.get("type") == "task_started"] == [
            {"attempt": 1, "worker_id": "b"}
        ]


async def test_a_name_in_use_is_refused(env: dict[str, str]) -> None:
    async with worker(env, "--worker-id", "wombat"):
        second = await run(env, "worker", "--worker-id", "wombat")
    assert (second.code, second.out) == (2, "")
    assert second.err == "gleanery: worker_id: a worker 'wombat' runs already: take another name\n"


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (["--task-types", "crawl,nix"], f"--task-types: there is no 'nix'; there are {TYPES}"),
        (["--task-types", " , "], "--task-types: name at least one type, or leave it out to run them all"),
        (["--concurrency", "0"], "GLEANERY_WORKER_CONCURRENCY: a worker needs at least 1: say --concurrency N"),
        (["--concurrency", "many"], "GLEANERY_WORKER_CONCURRENCY: "),
        (["--log-level", "loud"], "GLEANERY_LOG_LEVEL: "),
    ],
)
async def test_wrong_flags_are_named(env: dict[str, str], args: list[str], complaint: str) -> None:
    ended = await run(env, "worker", *args)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"gleanery: {complaint}")
    assert ended.err.count("\n") == 1
