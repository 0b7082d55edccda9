"""Parsed pages as they are kept: who may use them, what is listed, what goes, and what is never shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gleanery import errors
from gleanery.model import ErrorInfo, NewEvent, NewTask, Progress, Task, TaskStatus, new_id
from gleanery.store.base import Store
from gleanery.store.parses import TASK_TYPE, NewParse, PageSummary, Secrets, WebPage
from gleanery.store.values import Idempotency, Retention
from tests.clock import SetClock
from tests.store.samples import LEASE_SECONDS, Changes, fence_of, told

STORED = [NewEvent("web_page_stored", "stored", {"n": 1})]
HALF = Progress(50.0, "x")
SUMMARY = PageSummary("Title é", "article", 200, 3, 1, 0, has_screenshot=True)
TIMING: Mapping[str, float] = {"navigation_ms": 12.5}


async def asked(store: Store, key: str = "k", url_key: str = "//a.test/", **fields: object) -> Task:
    new = NewTask(TASK_TYPE, {"url": "https://a.test/"}, serial_key=key)
    parse = NewParse(url_key, key, fields.pop("secrets", None))  # type: ignore[arg-type]
    return await store.parses.start(new, parse, **fields)  # type: ignore[arg-type]


async def claimed(store: Store, task: Task) -> Task:
    found = await store.tasks.claim(task.task_id, "worker-1", LEASE_SECONDS)
    assert found is not None
    return found


def page_of(task: Task, loaded_at: datetime, *, key: str = "k", size: int = 100, seconds: float = 60.0) -> WebPage:
    expires_at = loaded_at + timedelta(seconds=seconds)
    id_ = new_id("web")
    url = "https://a.test/"
    return WebPage(id_, key, url, f"{url}end", task.task_id, loaded_at, expires_at, size, TIMING, SUMMARY)


async def kept(store: Store, at: datetime, *, key: str = "k", size: int = 100, seconds: float = 60.0) -> WebPage:
    """A page that a task has loaded; the task is completed."""
    task = await claimed(store, await asked(store, key))
    page = page_of(task, at, key=key, size=size, seconds=seconds)
    await store.parses.keep(fence_of(task), page, b'{"x":1}', b"PNG", STORED, HALF, memory_usage_mb=7.5)
    await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told(), result={"web_page_id": page.web_page_id})
    return page


async def test_a_page_is_kept_with_the_event_that_tells_of_it(store: Store, clock: SetClock, changes: Changes) -> None:
    page = await kept(store, clock())
    parse = await store.parses.get(page.task_id)
    assert (parse.page, parse.web_page_id) == (page, page.web_page_id)
    assert (parse.task.memory_usage_mb, parse.task.progress) == (7.5, HALF)
    assert await store.parses.get(page.web_page_id) == parse, "by its own id too"
    assert await store.parses.body(page.web_page_id) == b'{"x":1}'
    assert await store.parses.screenshot(page.web_page_id) == b"PNG"
    assert [kind for _, kind in changes.of(page.task_id)] == [
        "task_queued",
        "task_started",
        "web_page_stored",
        "page_stored",
    ]
    assert list(await store.parses.timings(10)) == [TIMING]


async def test_a_lost_attempt_keeps_nothing(store: Store, clock: SetClock) -> None:
    task = await claimed(store, await asked(store))
    late = replace(fence_of(task), attempt=task.attempt - 1)
    page = page_of(task, clock())
    with pytest.raises(errors.LeaseLost):
        await store.parses.keep(late, page, b"{}", None, STORED, HALF, memory_usage_mb=1.0)
    with pytest.raises(errors.LeaseLost):
        await store.parses.use(late, page.web_page_id)
    with pytest.raises(errors.LeaseLost):
        await store.tasks.note(late, browser_session_id="s")
    assert (await store.parses.get(task.task_id)).page is None
    with pytest.raises(errors.NotFound):
        await store.parses.body(page.web_page_id)


async def test_unknown_ids(store: Store, clock: SetClock) -> None:
    for ask in (store.parses.get, store.parses.body, store.parses.screenshot):
        with pytest.raises(errors.NotFound):
            await ask("web_0")
    task = await claimed(store, await asked(store))
    page = page_of(task, clock())
    await store.parses.keep(fence_of(task), page, b"{}", None, STORED, HALF, memory_usage_mb=1.0)
    with pytest.raises(errors.NotFound):
        await store.parses.screenshot(page.web_page_id)


async def test_which_page_answers(store: Store, clock: SetClock) -> None:
    began = clock()
    page = await kept(store, began, seconds=60)
    later = began + timedelta(seconds=59)
    over = began + timedelta(seconds=60)
    usable = store.parses.usable
    assert await usable("k", at=later, began_after=later) == page, "it has not expired"
    assert await usable("k", at=over, began_after=later) is None, "it has, and is older than who asks"
    assert await usable("k", at=None, began_after=began) is None, "its load began no later than that"
    assert await usable("k", at=None, began_after=began - timedelta(seconds=1)) == page, "a fresh load is asked for"
    assert await usable("other", at=later, began_after=began - timedelta(seconds=1)) is None
    newer = await kept(store, began + timedelta(seconds=5))
    assert await usable("k", at=later, began_after=later) == newer


async def test_a_page_that_is_used_is_found_by_the_oldest_parse(store: Store, clock: SetClock) -> None:
    page = await kept(store, clock())
    clock.jump(1)
    second = await claimed(store, await asked(store))
    await store.parses.use(fence_of(second), page.web_page_id)
    assert (await store.parses.get(second.task_id)).page == page
    assert (await store.parses.get(page.web_page_id)).task.task_id == page.task_id


async def test_secrets_are_apart_and_go_when_the_task_is_completed(store: Store) -> None:
    secrets = Secrets({"X-Key": "é"}, ("1", "2"))
    task = await claimed(store, await asked(store, secrets=secrets))
    assert await store.parses.secrets(task.task_id) == secrets
    assert "é" not in repr(task)
    await store.tasks.finish(fence_of(task), TaskStatus.COMPLETED, told(), result={})
    assert await store.parses.secrets(task.task_id) is None
    plain = await asked(store, key="other")
    assert await store.parses.secrets(plain.task_id) is None


async def test_a_failed_task_keeps_its_secrets_for_a_retry(store: Store) -> None:
    task = await claimed(store, await asked(store, secrets=Secrets({"a": "b"})))
    await store.tasks.finish(fence_of(task), TaskStatus.FAILED, told())
    assert await store.parses.secrets(task.task_id) == Secrets({"a": "b"})


async def test_an_idempotency_key_starts_one_parse(store: Store) -> None:
    first = await asked(store, idempotency=Idempotency("key", "hash"))
    again = await asked(store, key="other", secrets=Secrets({"a": "b"}), idempotency=Idempotency("key", "hash"))
    assert again.task_id == first.task_id
    assert await store.parses.secrets(first.task_id) is None


async def test_parses_are_listed_newest_first(store: Store, clock: SetClock) -> None:
    tasks = []
    for n in range(5):
        clock.jump(1)
        tasks.append(await asked(store, key=f"k{n}", url_key="//a.test/" if n % 2 else "//b.test/"))
    await store.tasks.request_cancel(tasks[1].task_id)
    ids = [task.task_id for task in reversed(tasks)]

    async def listed(**wanted: object) -> list[str]:
        usual: dict[str, object] = {"url_key": None, "statuses": (), "after": None, "limit": 10}
        return [row.task.task_id for row in await store.parses.list(**{**usual, **wanted})]  # type: ignore[arg-type]

    assert await listed() == ids
    assert await listed(limit=2) == ids[:2]
    assert await listed(after=(tasks[3].created_at.timestamp(), tasks[3].task_id)) == ids[2:]
    assert await listed(url_key="//a.test/") == [tasks[3].task_id, tasks[1].task_id]
    assert await listed(statuses=(TaskStatus.CANCELLED,)) == [tasks[1].task_id]
    assert await listed(statuses=(TaskStatus.CANCELLED,), url_key="//b.test/") == []


async def test_places_in_the_queue(store: Store, clock: SetClock) -> None:
    tasks = []
    for n in range(3):
        clock.jump(1)
        tasks.append(await asked(store, key=f"k{n}"))
    await store.tasks.create(NewTask("other", {}, priority=90))
    await store.tasks.change(tasks[2].task_id, priority=80)
    places = [await store.parses.position(task.task_id) for task in tasks]
    assert places == [2, 3, 1]
    assert await store.parses.in_hand() == 3
    await claimed(store, tasks[2])
    assert [await store.parses.position(task.task_id) for task in tasks] == [1, 2, None]
    assert await store.parses.in_hand() == 3


async def test_the_oldest_pages_go_when_all_take_too_much(store: Store, clock: SetClock) -> None:
    pages = []
    for n in range(4):
        clock.jump(1)
        pages.append(await kept(store, clock(), key=f"k{n}", size=100))
    assert await store.parses.evict(400, 10) == 0
    assert await store.parses.evict(250, 1) == 1, "no more than so many at once"
    assert await store.parses.evict(250, 10) == 1
    assert await store.parses.evict(250, 10) == 0
    there = [(await store.parses.get(page.task_id)).page is not None for page in pages]
    assert there == [False, False, True, True]
    with pytest.raises(errors.NotFound):
        await store.parses.body(pages[0].web_page_id)
    assert await store.parses.evict(0, 10) == 1, "the newest stays"
    assert (await store.parses.get(pages[3].task_id)).page == pages[3]


async def test_a_page_goes_with_the_last_task_that_it_answered(store: Store, clock: SetClock) -> None:
    page = await kept(store, clock())
    clock.jump(10)
    second = await claimed(store, await asked(store))
    await store.parses.use(fence_of(second), page.web_page_id)
    await store.tasks.finish(fence_of(second), TaskStatus.COMPLETED, told(), result={})
    await store.tasks.prune(Retention(tasks_before=clock() - timedelta(seconds=5)), 10)
    assert await store.parses.forget(10) == 0
    assert (await store.parses.get(page.web_page_id)).task.task_id == second.task_id
    clock.jump(10)
    await store.tasks.prune(Retention(tasks_before=clock()), 10)
    assert await store.parses.forget(10) == 1
    with pytest.raises(errors.NotFound):
        await store.parses.get(page.web_page_id)


async def test_what_an_attempt_works_with_and_how_it_was_tried_again(store: Store) -> None:
    task = await claimed(store, await asked(store))
    await store.tasks.note(fence_of(task), browser_session_id="ctx-1")
    await store.tasks.note(fence_of(task), memory_usage_mb=12.0)
    error = ErrorInfo("timed_out", "It was slow.")
    for recovery in ("longer", "", "rotate"):
        await store.tasks.finish(fence_of(task), TaskStatus.QUEUED, told(), error=error, recovery=recovery)
        task = await claimed(store, task)
    assert task.recoveries == ("longer", "rotate")
    assert (task.browser_session_id, task.memory_usage_mb) == ("ctx-1", 12.0)
    await store.tasks.finish(fence_of(task), TaskStatus.FAILED, told(), error=error)
    again = await store.tasks.retry(task.task_id, only_failed=False)
    assert (again.recoveries, again.browser_session_id) == ((), None)


async def test_large_parts_come_before_their_page_and_are_whole(store: Store, clock: SetClock) -> None:
    task = await claimed(store, await asked(store))
    page, body, png = page_of(task, clock()), bytes(range(256)) * 5000, b"P" * 600_000
    await store.parses.keep(fence_of(task), page, body, png, STORED, HALF, memory_usage_mb=1.0)
    assert await store.parses.body(page.web_page_id) == body
    assert await store.parses.screenshot(page.web_page_id) == png


async def test_parts_whose_page_never_came_are_unseen_and_go(
    store: Store, clock: SetClock, execute: Callable[[str], None], count_rows: Callable[[str], int]
) -> None:
    """As when the worker loses its lease, or dies, between the first part and the page."""
    task = await claimed(store, await asked(store))
    page = page_of(task, clock())
    await store.parses.keep(fence_of(task), page, b"{}", b"PNG", STORED, HALF, memory_usage_mb=1.0)
    execute("INSERT INTO web_page_part (web_page_id, kind, number, at, data) VALUES ('web_x', 'body', 0, 0, 'x')")
    with pytest.raises(errors.NotFound):
        await store.parses.body("web_x")
    assert await store.parses.forget(10) == 0
    assert count_rows("web_page_part") == 2
    assert await store.parses.body(page.web_page_id) == b"{}"
