"""Work in a child process: its answer or its error comes back, and nothing of it is left, whatever happens."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest

from gleanery import errors
from gleanery.engine import process_child
from gleanery.engine.handler import TaskContext
from gleanery.engine.process import in_process
from gleanery.model import Fence, Task, TaskStatus
from gleanery.store.values import Asked
from tests.engine.stage import PATIENCE_SECONDS, Acting, Stage, Through

JOBS = "tests.engine.process_jobs"
PARENT = "tests.engine.process_parent"


class Ear:
    """Hears what children say of themselves."""

    def __init__(self) -> None:
        self.port = 0
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def hear_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._heard.put_nowait(json.loads(await reader.read()))
        writer.close()

    async def processes(self) -> list[psutil.Process]:
        """Those that the next one tells of, while they live."""
        return [psutil.Process(pid) for pid in await self.pids()]

    async def pids(self) -> list[int]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return list((await self._heard.get())["pids"])


@pytest.fixture
async def ear() -> AsyncIterator[Ear]:
    ear = Ear()
    server = await asyncio.start_server(ear.hear_one, "127.0.0.1", 0)
    ear.port = server.sockets[0].getsockname()[1]
    async with server:
        yield ear


def running(function: str, payload: Any = None) -> Callable[[TaskContext], Awaitable[dict[str, Any]]]:
    async def act(ctx: TaskContext) -> dict[str, Any]:
        try:
            return {"answer": await in_process(ctx, f"{JOBS}:{function}", payload)}
        finally:
            assert ctx.memory.pids == frozenset()

    return act


async def outcome(stage: Stage, function: str, payload: Any = None) -> Any:
    async with stage.worker(Acting(running(function, payload))):
        ended = await stage.ended(await stage.enqueue(max_retries=0))
    assert children() == []
    return ended.result["answer"] if ended.result is not None else ended.error


def children() -> list[psutil.Process]:
    """Without the PostgREST that stands in for Supabase."""
    return [one for one in psutil.Process().children(recursive=True) if one.name() != "postgrest"]


def left(processes: Sequence[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running()]


# --- answers -----------------------------------------------------------------------------------------------------


LONG = [[number, f"text {number}\u2028"] for number in range(101)]


@pytest.mark.parametrize(
    "payload",
    [None, 1.5, "ü\U0001f600\n\0", [{"a": [True, {}]}], {}, LONG, {'a"b': LONG, "c": {"d": [{"e": LONG}, []]}}],
    ids=lambda payload: str(payload)[:20],
)
async def test_what_the_function_gives_comes_back(stage: Stage, payload: Any) -> None:
    assert await outcome(stage, "echo", payload) == payload


@pytest.mark.parametrize(
    "pieces", [[], [1, "two\nlines", {"error": "\u2028"}, None], [LONG] * 50], ids=["none", "few", "many"]
)
async def test_what_the_function_yields_comes_back_as_a_list(stage: Stage, pieces: list[Any]) -> None:
    assert await outcome(stage, "each", pieces) == pieces


async def test_what_a_function_yielded_before_it_failed_is_no_answer(stage: Stage) -> None:
    with pytest.raises(errors.EmbedUnavailable, match="half way"):
        await in_process(TaskContext(await stage.enqueue(), stage.tasks), f"{JOBS}:breaks_off", 1)


async def test_large_requests_and_answers_come_whole(stage: Stage) -> None:
    task = await stage.enqueue()
    ctx = TaskContext(task, stage.tasks)
    text = "payload " * 1_000_000
    assert await in_process(ctx, f"{JOBS}:echo", text) == text
    assert await in_process(ctx, f"{JOBS}:long_text", 3_000_000) == "ü" * 3_000_000


async def test_what_the_function_prints_is_not_its_answer(stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    assert await outcome(stage, "chatter") == ""
    told = capfd.readouterr()
    assert told.out == ""
    assert [line for line in ("to standard output", "forged", "from below") if line in told.err] == [
        "to standard output",
        "forged",
        "from below",
    ]


async def test_the_process_has_a_session_of_its_own_and_lets_the_loop_go_first(stage: Stage) -> None:
    child = await outcome(stage, "about")
    assert child["session"] not in (child["pid"], os.getsid(0))
    assert child["nice"] == min(19, os.nice(0) + process_child.NICENESS)
    assert child["group"] in (None, process_child.NICENESS), "between sessions only that of the session counts"


async def test_many_at_once_do_not_mix(stage: Stage) -> None:
    ctx = TaskContext(await stage.enqueue(), stage.tasks)
    assert await asyncio.gather(*(in_process(ctx, f"{JOBS}:echo", n) for n in range(6))) == list(range(6))
    assert ctx.memory.pids == frozenset()


async def test_what_the_function_left_running_ends_with_its_answer(stage: Stage, ear: Ear) -> None:
    assert await outcome(stage, "answer_and_leave_others", ear.port) == "done"
    pids = await ear.pids()
    assert [psutil.pid_exists(pid) for pid in pids] == [False, False, False]


async def test_of_two_answers_the_first_counts(stage: Stage) -> None:
    assert await outcome(stage, "twins", "twin") == "twin"


async def test_a_payload_that_is_no_json_is_refused(stage: Stage) -> None:
    ctx = TaskContext(await stage.enqueue(), stage.tasks)
    with pytest.raises(TypeError):
        await in_process(ctx, f"{JOBS}:echo", {1, 2})
    assert children() == []


# --- errors ------------------------------------------------------------------------------------------------------


async def test_an_unexpected_exception_fails_the_task_and_its_traceback_is_logged(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    error = await outcome(stage, "defect")
    function = f"{JOBS}:defect"
    assert (error.code, error.details) == (
        "process_failed",
        {"function": function, "exception": "ZeroDivisionError"},
    )
    assert error.message == f"An unexpected ZeroDivisionError stopped {function}; the log has its traceback."
    (record,) = [vars(record) for record in caplog.records if record.message == "process failed"]
    assert record["function"] == function
    assert "in defect" in record["traceback"]
    assert "a secret of the page" in record["traceback"]


async def test_a_defect_is_not_tried_again(stage: Stage) -> None:
    async with stage.worker(Acting(running("defect"))):
        assert (await stage.ended(await stage.enqueue())).attempt == 1


async def test_an_error_of_ours_comes_back_as_it_was(stage: Stage) -> None:
    ctx = TaskContext(await stage.enqueue(), stage.tasks)
    with pytest.raises(errors.HttpStatus) as caught:
        await in_process(ctx, f"{JOBS}:busy_site", None)
    error, same = caught.value, errors.HttpStatus("https://a.test/", 503, "Busy", retry_after=2.5)
    assert type(error) is errors.HttpStatus
    assert (vars(error), str(error)) == (vars(same), str(same))


async def test_a_leaf_of_its_own_comes_back_as_its_nearest_kin(stage: Stage) -> None:
    ctx = TaskContext(await stage.enqueue(), stage.tasks)
    with pytest.raises(errors.EmbedUnavailable) as caught:
        await in_process(ctx, f"{JOBS}:frugal", None)
    error = caught.value
    assert (error.message, error.details, error.can_retry) == ("Come back later.", {"vendor": "a"}, True)


@pytest.mark.parametrize(
    ("function", "exception"),
    [
        ("tests.engine.process_jobs:no_json", "TypeError"),
        ("tests.engine.process_jobs:nothing_of_the_kind", "AttributeError"),
        ("tests.engine.no_such_module:echo", "ModuleNotFoundError"),
    ],
)
async def test_what_can_not_be_called_or_answered_is_a_defect(stage: Stage, function: str, exception: str) -> None:
    ctx = TaskContext(await stage.enqueue(), stage.tasks)
    with pytest.raises(errors.ProcessFailed) as caught:
        await in_process(ctx, function, None)
    assert caught.value.details == {"function": function, "exception": exception}


@pytest.mark.parametrize(
    ("function", "payload", "details"),
    [
        ("exit_at_once", 7, {"exit_code": 7}),
        ("exit_at_once", 0, {"exit_code": 0}),
        ("leave", 3, {"exit_code": 3}),
        ("end_by", signal.SIGKILL, {"signal": "SIGKILL"}),
        ("end_by", signal.SIGSEGV, {"signal": "SIGSEGV"}),
        ("end_by", 40, {"signal": "signal 40"}),
    ],
)
async def test_a_process_that_dies_says_how(stage: Stage, function: str, payload: int, details: dict[str, Any]) -> None:
    error = await outcome(stage, function, payload)
    assert (error.code, error.details) == ("process_died", {"function": f"{JOBS}:{function}", **details})


async def test_a_process_that_died_is_tried_again(stage: Stage) -> None:
    async def act(ctx: TaskContext) -> dict[str, Any]:
        function = "end_by" if ctx.task.attempt == 1 else "echo"
        return {"answer": await in_process(ctx, f"{JOBS}:{function}", int(signal.SIGKILL))}

    async with stage.worker(Acting(act)):
        done = await stage.ended(await stage.enqueue())
    assert (done.status, done.attempt, done.result) == (TaskStatus.COMPLETED, 2, {"answer": 9})


async def test_the_keeper_may_be_killed_too(stage: Stage, ear: Ear) -> None:
    """Expected: the worker dies with it, and what it had started in its group with its answer."""
    async with stage.worker(Acting(running("hold", ear.port))):
        task = await stage.enqueue(max_retries=0)
        worker, keeper, child, own_session, orphan = await ear.processes()
        keeper.kill()
        ended = await stage.ended(task)
        own_session.kill()
    assert ended.error is not None
    assert (ended.error.code, ended.error.details["signal"]) == ("process_died", "SIGKILL")
    assert await gone([worker, keeper, child, orphan])


async def test_a_keeper_that_is_asked_to_end_takes_all_along(stage: Stage, ear: Ear) -> None:
    async with stage.worker(Acting(running("hold", ear.port))):
        task = await stage.enqueue(max_retries=0)
        processes = await ear.processes()
        processes[1].terminate()
        ended = await stage.ended(task)
        assert (left(processes), children()) == ([], [])
    assert (ended.status, ended.error and ended.error.code) == (TaskStatus.FAILED, "process_died")


# --- interrupts --------------------------------------------------------------------------------------------------


async def test_a_cancel_ends_a_busy_process_and_all_below_it_at_once(stage: Stage, ear: Ear) -> None:
    async with stage.worker(Acting(running("hold", ear.port))):
        task = await stage.enqueue()
        processes = await ear.processes()
        assert len(processes) == 5
        await stage.tasks.request_cancel(task.task_id)
        ended = await stage.ended(task)
        assert (left(processes), children()) == ([], [])
    assert ended.status is TaskStatus.CANCELLED


STARTS_WITHIN_SECONDS = 10.0
"""The limit of a task, in which five processes are to have said that they run."""


async def test_a_timeout_ends_it(stage: Stage, ear: Ear) -> None:
    async with stage.worker(Acting(running("hold", ear.port), timeout_seconds=STARTS_WITHIN_SECONDS)):
        task = await stage.enqueue(max_retries=0)
        processes = await ear.processes()
        ended = await stage.ended(task)
        assert (left(processes), children()) == ([], [])
    assert (ended.status, ended.error and ended.error.code) == (TaskStatus.FAILED, "task_timed_out")


async def test_a_pause_ends_it(stage: Stage, ear: Ear) -> None:
    async with stage.worker(Acting(running("hold", ear.port), can_pause=True)):
        task = await stage.enqueue()
        processes = await ear.processes()
        await stage.tasks.request_pause(task.task_id)
        await stage.told(task.task_id, "task_paused")
        assert (left(processes), children()) == ([], [])
    assert (await stage.tasks.get(task.task_id)).status is TaskStatus.PAUSED


@pytest.mark.parametrize("can_pause", [True, False])
async def test_a_stop_of_the_server_ends_it(stage: Stage, ear: Ear, can_pause: bool) -> None:
    acting = Acting(running("hold", ear.port), can_pause=can_pause)
    async with stage.worker(acting, grace_seconds=0.1) as worker:
        task = await stage.enqueue()
        processes = await ear.processes()
        await worker.stop()
        assert (left(processes), children()) == ([], [])
    assert (await stage.tasks.get(task.task_id)).status is TaskStatus.QUEUED


async def test_a_lost_lease_ends_it(stage: Stage, ear: Ear) -> None:
    is_over = asyncio.Event()

    async def act(ctx: TaskContext) -> None:
        try:
            await running("hold", ear.port)(ctx)
        finally:
            is_over.set()

    async with stage.worker(Acting(act)) as worker:
        task = await stage.enqueue()
        processes = await ear.processes()
        await stage.lose(worker.worker_id)
        worker.hear(task.task_id)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await is_over.wait()
        assert left(processes) == []
        await ear.processes()  # it was put back, and runs anew


async def test_a_cancel_in_the_first_moments_leaves_nobody(stage: Stage) -> None:
    ctx = TaskContext(await stage.enqueue(), stage.tasks)
    for turns in range(0, 40, 4):
        job = asyncio.create_task(in_process(ctx, f"{JOBS}:echo", 1))
        for _ in range(turns):
            await asyncio.sleep(0)
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job
        assert (ctx.memory.pids, children()) == (frozenset(), [])
    gc.collect()


async def test_a_parent_that_is_killed_leaves_nobody(ear: Ear, tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(sys.executable, "-m", PARENT, str(tmp_path), str(ear.port))
    worker, keeper, child, own_session, orphan = await ear.processes()
    parent.kill()
    await parent.wait()
    assert await gone([worker, keeper, child, own_session, orphan])


async def gone(processes: Sequence[psutil.Process]) -> bool:
    """Whether they end within moments. The dead of a killed parent are for the system to reap, and may wait for that."""
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=PATIENCE_SECONDS)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


# --- memory ------------------------------------------------------------------------------------------------------


class LooksOnce(Through):
    """Holds up what the worker does each second, so that only heartbeats measure; tells what they bring."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage.tasks)
        self._looks = 0
        self.measured = asyncio.Queue[float]()

    async def owners(self) -> Sequence[str]:
        self._looks += 1
        if self._looks > 1:
            await asyncio.Event().wait()
        return await self.inner.owners()

    async def beat(
        self, fences: Sequence[Fence], lease_seconds: float, memory_usage_mb: Mapping[str, float]
    ) -> Mapping[str, Asked]:
        answer = await self.inner.beat(fences, lease_seconds, memory_usage_mb)
        for taken in memory_usage_mb.values():
            self.measured.put_nowait(taken)
        return answer


def assert_over_its_limit(task: Task) -> None:
    assert (task.status, task.error and task.error.code) == (TaskStatus.FAILED, "memory_limit_exceeded")


async def test_a_process_over_the_limit_is_ended_within_a_second_or_two(stage: Stage, ear: Ear) -> None:
    act = running("grow", {"mb": 300, "port": ear.port})
    async with stage.worker(Acting(act, memory_limit_mb=150.0)):
        assert_over_its_limit(await stage.ended(await stage.enqueue()))
        assert children() == []


async def test_the_row_says_what_a_process_over_the_limit_took(stage: Stage, ear: Ear) -> None:
    act = running("grow", {"mb": 300, "port": ear.port})
    async with stage.worker(Acting(act, memory_limit_mb=150.0), store=LooksOnce(stage)) as worker:
        task = await stage.enqueue()
        processes = await ear.processes()
        worker.hear(task.task_id)
        ended = await stage.ended(task)
        assert left(processes) == []
    assert_over_its_limit(ended)
    assert ended.memory_usage_mb is not None
    assert 300 < ended.memory_usage_mb < 400


async def test_a_process_within_its_limit_is_left_alone(stage: Stage, ear: Ear) -> None:
    act = running("grow", {"mb": 100, "port": ear.port})
    store = LooksOnce(stage)
    async with stage.worker(Acting(act, memory_limit_mb=200.0), store=store) as worker:
        task = await stage.enqueue()
        (process,) = await ear.processes()
        worker.hear(task.task_id)
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await store.measured.get() < 100.0:
                assert process.is_running()
        assert process.is_running()
        await stage.tasks.request_cancel(task.task_id)
        assert (await stage.ended(task)).status is TaskStatus.CANCELLED
