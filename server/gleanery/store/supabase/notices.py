"""One connection to PostgreSQL that hears NOTIFY. A notice may be lost, as while the connection is away: whoever hears one looks
at the rows, and looks now and then anyway. https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from gleanery import log

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_log = log.get(__name__)

EVENTS = "gleanery_events"
"""The channel on which sql/003_changes.sql tells the newest event's number."""
CONNECT_SECONDS = 5.0
QUIET_SECONDS = 5.0
"""After so long without a notice the connection is asked whether it lives, and has as long to answer."""
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0

Hear = Callable[[str], None]


class Notices:
    """`listen` to channels, then `run` it. A transaction pooler passes no notices on: it needs a connection of its own."""

    def __init__(self, database_url: str) -> None:
        self._database_url = database_url
        self._hearers: dict[str, list[Hear]] = {}
        self._job: asyncio.Task[None] | None = None
        self.is_heard = False
        """Whether a notice would be heard now."""
        self.connects = 0

    def listen(self, channels: Iterable[str], hear: Hear) -> None:
        """`hear` is given the payload of each notice, in the loop, and an empty one whenever some may have been missed."""
        for channel in channels:
            self._hearers.setdefault(channel, []).append(hear)

    def start(self) -> None:
        self._job = asyncio.create_task(self._run(), name="notices")

    async def stop(self) -> None:
        if self._job is not None:
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)

    async def _run(self) -> None:
        import psycopg

        wait = FIRST_WAIT_SECONDS
        while True:
            before = self.connects
            try:
                await self._hear()
            except (psycopg.Error, TimeoutError, OSError) as error:
                _log.warning("notices not heard", extra={"reason": str(error).strip() or type(error).__name__})
            finally:
                self.is_heard = False
            wait = FIRST_WAIT_SECONDS if self.connects > before else min(2 * wait, LONGEST_WAIT_SECONDS)
            await asyncio.sleep(wait)

    async def _hear(self) -> None:
        """Until the connection breaks."""
        from psycopg import AsyncConnection

        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await AsyncConnection.connect(
                self._database_url, autocommit=True, application_name="gleanery notices"
            )
        async with connection:
            await self._subscribe(connection)
            while True:
                async for notice in connection.notifies(timeout=QUIET_SECONDS):
                    for hear in self._hearers.get(notice.channel, ()):
                        hear(notice.payload)
                async with asyncio.timeout(QUIET_SECONDS):
                    await connection.execute("select 1")

    async def _subscribe(self, connection: AsyncConnection[Any]) -> None:
        from psycopg import sql

        async with asyncio.timeout(CONNECT_SECONDS):
            for channel in self._hearers:
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
        self.connects += 1
        self.is_heard = True
        for hear in {hear for hearers in self._hearers.values() for hear in hearers}:
            hear("")
