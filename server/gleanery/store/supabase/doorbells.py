"""Doorbells kept by Procrastinate, in its own tables: fetched, heard, deleted. Its locks are not used, nor is what it says of a
job ever the truth about a task.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import md5
from typing import TYPE_CHECKING, Any, Self

from gleanery.errors import StorageError
from gleanery.store.supabase import procrastinate_schema
from gleanery.store.supabase.notices import connection_options

if TYPE_CHECKING:
    from procrastinate.jobs import Job
    from psycopg import AsyncConnection

TASK = "doorbell"
"""The name of Procrastinate's task: `ring` in sql/015_doorbells.sql keeps jobs of it, with {task_id, rung_at}."""
SILENT_SECONDS = 30.0
"""A listener that has not beaten for so long is gone: nothing is kept for it, and what it held is swept."""
STALE_SECONDS = 60.0
"""Every worker looks once a second: a doorbell that has waited for so long tells nobody anything."""
SWEPT_AT_ONCE = 5000
CONNECTIONS = 2
CONNECT_SECONDS = 5.0
GOODBYE_SECONDS = 1.0
"""A listener that could not say that it goes is swept."""

SWEEP = """delete from procrastinate_jobs where id in (
    select id from procrastinate_jobs where task_name = %(task)s and (
        status = 'todo' and coalesce(scheduled_at, to_timestamp((args ->> 'rung_at')::double precision))
            < now() - make_interval(secs => %(stale)s)
        or status = 'doing' and worker_id is null
        or status not in ('todo', 'doing'))
    limit %(limit)s for update skip locked
)"""


def of_type(task_type: str) -> str:
    """The queue of what may run of that type."""
    return _queue("type", task_type)


def of_worker(worker_id: str) -> str:
    """The queue of what is asked of tasks that run there."""
    return _queue("worker", worker_id)


def _queue(kind: str, name: str) -> str:
    """As `doorbell_queue` in SQL: short enough for the name of a channel."""
    data = name.encode()
    return f"{kind}:{name if len(data) <= 30 else md5(data, usedforsecurity=False).hexdigest()}"


def channel_of(queue: str) -> str:
    """Where Procrastinate tells that a job was kept."""
    return f"procrastinate_queue_v1#{queue}"


@dataclass(frozen=True)
class Doorbell:
    task_id: str
    job: Job


class Doorbells:
    """A listener in Procrastinate's tables. Open with `async with`; all calls raise StorageError."""

    def __init__(self, database_url: str) -> None:
        from procrastinate import App, PsycopgConnector

        self._connector = PsycopgConnector(
            conninfo=database_url,
            min_size=1,
            max_size=CONNECTIONS,
            timeout=CONNECT_SECONDS,
            configure=_configure,
            kwargs={"autocommit": True, **connection_options("doorbells")},
        )
        self._jobs = App(connector=self._connector).job_manager

    async def __aenter__(self) -> Self:
        try:
            with _translated():
                await self._connector.open_async()
                await self._check()
                self._listener = await self._jobs.register_worker()
        except BaseException:
            await self._connector.close_async()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            with contextlib.suppress(StorageError, TimeoutError), _translated():
                async with asyncio.timeout(GOODBYE_SECONDS):
                    await self._jobs.unregister_worker(self._listener)
        finally:
            await self._connector.close_async()

    async def _check(self) -> None:
        rows = await self._connector.execute_query_all_async("select to_regclass('step') is not null as is_there")
        if rows[0]["is_there"]:
            rows = await self._connector.execute_query_all_async("select name from step")
            if not procrastinate_schema.steps([row["name"] for row in rows]):
                return
        raise StorageError("Procrastinate's schema is missing or old: run `gleanery migrate`.")

    async def fetch(self, queues: Sequence[str]) -> Doorbell | None:
        """The first of these queues that is due, held by this listener from now on."""
        with _translated():
            job = await self._jobs.fetch_job(queues=list(queues), worker_id=self._listener)
        return None if job is None else Doorbell(str(job.task_kwargs.get("task_id", "")), job)

    async def done(self, doorbell: Doorbell) -> None:
        """It was heard: it is deleted."""
        from procrastinate.jobs import Status

        with _translated():
            await self._jobs.finish_job(doorbell.job, Status.SUCCEEDED, delete_job=True)

    async def beat(self) -> None:
        """This listener lives."""
        with _translated():
            await self._jobs.update_heartbeat(self._listener)

    async def sweep(self) -> None:
        """Delete what listeners that are gone held, and what nobody needs to hear any more."""
        with _translated():
            await self._jobs.prune_stalled_workers(SILENT_SECONDS)
            await self._connector.execute_query_async(SWEEP, task=TASK, stale=STALE_SECONDS, limit=SWEPT_AT_ONCE)


async def _configure(connection: AsyncConnection[Any]) -> None:
    from psycopg import sql

    await connection.execute(
        sql.SQL("set search_path = {}, pg_temp").format(sql.Identifier(procrastinate_schema.SCHEMA))
    )


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    import psycopg
    from procrastinate.exceptions import ProcrastinateException

    try:
        yield
    except (ProcrastinateException, psycopg.Error) as error:
        reason = str(error.__cause__ or error).strip()
        raise StorageError(f"Doorbells were not reached: {reason}") from error
