"""The contender Procrastinate: one task type on PostgreSQL, with its defaults. Takes a connection string."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Callable

import procrastinate

from tests.bench.engine_contender import Measurements, in_background, serve, until

LOOK_SECONDS = 0.005
"""Between two looks at how many tasks the database holds as done, once all of them have begun."""


class Procrastinate:
    """`Contender` over an open app."""

    def __init__(self, app: procrastinate.App) -> None:
        self.began: Callable[[], None] = lambda: None
        self._app = app
        self._begun = 0
        self._bell = asyncio.Event()
        self._empty = app.task(name="empty")(self._run)

    async def _run(self) -> None:
        self.began()
        self._begun += 1
        self._bell.set()

    async def reset(self) -> None:
        self._begun = 0
        await self._app.connector.execute_query_async("TRUNCATE procrastinate_jobs RESTART IDENTITY CASCADE")

    async def submit(self) -> None:
        await self._empty.defer_async()

    @contextlib.asynccontextmanager
    async def working(self, concurrency: int) -> AsyncIterator[None]:
        work = self._app.run_worker_async(concurrency=concurrency, install_signal_handlers=False)
        async with in_background(work):
            yield

    async def all_done(self, count: int) -> None:
        await until(lambda: self._begun >= count, self._bell)
        while await self._succeeded() < count:  # noqa: ASYNC110 - nobody tells of it but the rows
            await asyncio.sleep(LOOK_SECONDS)

    async def _succeeded(self) -> int:
        query = "SELECT count(*) AS count FROM procrastinate_jobs WHERE status = 'succeeded'"
        return int((await self._app.connector.execute_query_one_async(query))["count"])


async def main(conninfo: str) -> None:
    logging.getLogger("procrastinate").setLevel(logging.ERROR)  # it would rather not be built in the main module
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await serve(Measurements(Procrastinate(app)).commands, version=procrastinate.__version__)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
