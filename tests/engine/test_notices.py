"""Notices of PostgreSQL, and the tail that they wake: nothing is missed when they are."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gleanery.engine.tail import Tail
from gleanery.model import NewTask
from gleanery.store.supabase import SupabaseStore
from gleanery.store.supabase.notices import EVENTS, Notices
from tests.engine.stage import PATIENCE_SECONDS
from tests.engine.test_tail import Published
from tests.ground.supabase import Gateway, Project

FOREVER = 600.0
CUT = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'gleanery notices'"


class Heard:
    """What a listener is given."""

    def __init__(self) -> None:
        self.payloads: list[str] = []
        self._news = asyncio.Event()

    def __call__(self, payload: str) -> None:
        self.payloads.append(payload)
        self._news.set()

    async def until(self, *payloads: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.payloads) < len(payloads):
                self._news.clear()
                await self._news.wait()
        assert self.payloads == list(payloads)


@asynccontextmanager
async def heard(notices: Notices) -> AsyncIterator[Heard]:
    """Started, and connected: that is told by an empty notice."""
    it = Heard()
    notices.listen([EVENTS], it)
    notices.start()
    try:
        await it.until("")
        yield it
    finally:
        await notices.stop()


def execute(project: Project, sql: str) -> None:
    with project.connect() as connection:
        connection.execute(sql)


@asynccontextmanager
async def process(project: Project, gateway: Gateway, tail: Tail) -> AsyncIterator[SupabaseStore]:
    async with SupabaseStore(gateway.url, project.service_key, tail.hear) as store:
        await tail.start(store.tasks)
        yield store
        await tail.stop()


async def test_each_channel_has_its_hearers(supabase_project: Project) -> None:
    notices, other = Notices(supabase_project.database_url), Heard()
    notices.listen(["another channel"], other)
    async with heard(notices) as it:
        execute(supabase_project, f"select pg_notify('{EVENTS}', '7')")
        await it.until("", "7")
        execute(supabase_project, "select pg_notify('another channel', 'x')")
        await other.until("", "x")
        assert notices.is_heard
    assert not notices.is_heard


async def test_a_connection_that_is_cut_is_made_again_and_says_so(supabase_project: Project) -> None:
    notices = Notices(supabase_project.database_url)
    async with heard(notices) as it:
        execute(supabase_project, CUT)
        await it.until("", "")
        execute(supabase_project, f"select pg_notify('{EVENTS}', '8')")
        await it.until("", "", "8")


async def test_the_store_tells_the_number_of_the_newest_event(gateway: Gateway, supabase_project: Project) -> None:
    async with (
        SupabaseStore(gateway.url, supabase_project.service_key, lambda _: None) as store,
        heard(Notices(supabase_project.database_url)) as it,
    ):
        for _ in range(2):
            await store.tasks.create(NewTask("demo", {}))
        await it.until("", "1", "2")


async def test_a_notice_alone_wakes_the_tail(gateway: Gateway, supabase_project: Project) -> None:
    """Expected: what another process writes is told, though nobody looks by the clock."""
    published, notices = Published(), Notices(supabase_project.database_url)
    tail = Tail(published, noticed_seconds=FOREVER)
    tail.is_noticed = lambda: True
    notices.listen([EVENTS], tail.notice)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(process(supabase_project, gateway, tail))
        await stack.enter_async_context(heard(notices))
        store = SupabaseStore(gateway.url, supabase_project.service_key, lambda _: None)
        other = await stack.enter_async_context(store)
        tasks = [await other.tasks.create(NewTask("demo", {})) for _ in range(3)]
        facts = await published.up_to(3)
        assert facts == [(n, task.task_id, 1, "task_queued") for n, task in enumerate(tasks, 1)]


async def test_what_was_not_noticed_while_the_connection_was_cut_is_told(
    gateway: Gateway, supabase_project: Project
) -> None:
    published, notices = Published(), Notices(supabase_project.database_url)
    tail = Tail(published, noticed_seconds=FOREVER)
    tail.is_noticed = lambda: True
    notices.listen([EVENTS], tail.notice)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(process(supabase_project, gateway, tail))
        store = SupabaseStore(gateway.url, supabase_project.service_key, lambda _: None)
        other = await stack.enter_async_context(store)
        task = await other.tasks.create(NewTask("demo", {}))  # nobody hears this one
        await stack.enter_async_context(heard(notices))
        assert await published.up_to(1) == [(1, task.task_id, 1, "task_queued")]


async def test_lost_notices_are_healed_by_looking(gateway: Gateway, supabase_project: Project) -> None:
    published = Published()
    tail = Tail(published, noticed_seconds=0.05)
    tail.is_noticed = lambda: True  # so it believes
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(process(supabase_project, gateway, tail))
        store = SupabaseStore(gateway.url, supabase_project.service_key, lambda _: None)
        other = await stack.enter_async_context(store)
        await other.tasks.create(NewTask("demo", {}))
        assert [number for number, *_ in await published.up_to(1)] == [1]


async def test_own_commits_are_told_once_though_notices_overtake_their_answers(
    gateway: Gateway, supabase_project: Project
) -> None:
    published, notices = Published(), Notices(supabase_project.database_url)
    tail = Tail(published, noticed_seconds=FOREVER)
    tail.is_noticed = lambda: True
    notices.listen([EVENTS], tail.notice)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(process(supabase_project, gateway, tail))
        await stack.enter_async_context(heard(notices))
        await asyncio.gather(*(store.tasks.create(NewTask("demo", {})) for _ in range(30)))
        assert [number for number, *_ in await published.up_to(30)] == list(range(1, 31))


@asynccontextmanager
async def pooler(project: Project, folder: Path) -> AsyncIterator[str]:
    """A way to PostgreSQL that passes no notice on, as a transaction pooler does. Gives its URL.

    https://www.postgresql.org/docs/current/protocol-message-formats.html: a byte for the type, then the length.
    """
    server = Path(project.database_url.partition("host=")[2]) / ".s.PGSQL.5432"
    open_writers = list[asyncio.StreamWriter]()

    async def pass_answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readexactly(5)
                body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
                if head[:1] != b"A":
                    writer.write(head + body)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, to_there = await asyncio.open_unix_connection(server)
        open_writers.extend([writer, to_there])
        answers = asyncio.create_task(pass_answers(there, writer))
        while data := await reader.read(65536):
            to_there.write(data)
        to_there.close()
        await answers
        writer.close()

    async with await asyncio.start_unix_server(serve, folder / ".s.PGSQL.5432"):
        yield f"postgresql://postgres:@/postgres?host={folder}&sslmode=disable&gssencmode=disable"
        for writer in open_writers:
            writer.close()


async def test_notices_that_never_arrive_are_not_taken_for_heard(supabase_project: Project, tmp_path: Path) -> None:
    async with pooler(supabase_project, tmp_path) as url:
        notices, it = Notices(url, quiet_seconds=0.1), Heard()
        notices.listen([EVENTS], it)
        notices.start()
        async with asyncio.timeout(PATIENCE_SECONDS):
            while notices.problem is None:  # noqa: ASYNC110 - nothing tells that nothing arrives
                await asyncio.sleep(0.01)
        assert "not a transaction pooler's" in notices.problem
        assert (notices.is_heard, it.payloads) == (False, [])
        await notices.stop()


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:9/none", "no address"])
async def test_nobody_who_answers_stops_nothing(url: str) -> None:
    notices = Notices(url)
    notices.start()
    await asyncio.sleep(0.2)
    assert not notices.is_heard
    await notices.stop()
