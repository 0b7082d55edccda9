"""One connection to PostgreSQL that hears NOTIFY. A notice may be lost, as while the connection is away: whoever hears one looks
at the rows, and looks now and then anyway. https://www.postgresql.org/docs/current/sql-notify.html
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from gleanery import log

if TYPE_CHECKING:
    from psycopg import AsyncConnection

_log = log.get(__name__)

EVENTS = "gleanery_events"
"""The channel on which sql/003_changes.sql tells the newest event's number."""
CONNECT_SECONDS = 5.0
QUIET_SECONDS = 5.0
"""So often the connection sends itself a notice, which has to arrive within as long."""
UNHEARD = "Notices don't arrive: GLEANERY_DATABASE_URL has to be a direct connection or a session pooler's, not a transaction pooler's."
STOP_SECONDS = 0.5
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0

Hear = Callable[[str], None]


def connection_options(purpose: str) -> dict[str, Any]:
    """How a connection is named, and when one to a machine that vanished counts as broken: after half a minute.
    https://www.postgresql.org/docs/current/libpq-connect.html"""
    return {
        "application_name": f"gleanery {purpose}",
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }


class Notices:
    """`listen` to channels, then `run` it. A transaction pooler passes no notices on: it needs a connection of its own."""

    def __init__(self, database_url: str, *, quiet_seconds: float = QUIET_SECONDS) -> None:
        self._database_url = database_url
        self._quiet_seconds = quiet_seconds
        self._hearers: dict[str, list[Hear]] = {}
        self._job: asyncio.Task[None] | None = None
        self.is_heard = False
        """Whether a notice would be heard now."""
        self.problem: str | None = None
        """Why the last connection broke."""
        self.connects = 0

    def listen(self, channels: Iterable[str], hear: Hear) -> None:
        """`hear` is given the payload of each notice, in the loop, and an empty one whenever some may have been missed."""
        for channel in channels:
            self._hearers.setdefault(channel, []).append(hear)

    def start(self) -> None:
        self._job = asyncio.create_task(self._run(), name="notices")

    async def stop(self) -> None:
        """Cancelled until it has ended: one cancellation may be lost where it comes together with news from the server
        (asyncio.wait_for, until Python 3.12)."""
        while self._job is not None and not self._job.done():
            self._job.cancel()
            await asyncio.wait([self._job], timeout=STOP_SECONDS)

    async def _run(self) -> None:
        import psycopg

        wait = FIRST_WAIT_SECONDS
        while True:
            before = self.connects
            try:
                await self._hear()
            except (psycopg.Error, TimeoutError, OSError) as error:
                self.problem = str(error).strip() or type(error).__name__
                _log.warning("notices not heard", extra={"reason": self.problem})
            finally:
                self.is_heard = False
            wait = FIRST_WAIT_SECONDS if self.connects > before else min(2 * wait, LONGEST_WAIT_SECONDS)
            await asyncio.sleep(wait)

    async def _hear(self) -> None:
        """Until the connection breaks."""
        from psycopg import AsyncConnection

        async with asyncio.timeout(CONNECT_SECONDS):
            connection = await AsyncConnection.connect(
                self._database_url, autocommit=True, prepare_threshold=None, **connection_options("notices")
            )
        async with connection:
            probe = f"gleanery_probe_{uuid4().hex}"
            await self._subscribe(connection, [*self._hearers, probe])
            while True:
                await self._send(connection, probe)
                if not await self._hear_for(connection, probe, self._quiet_seconds):
                    raise TimeoutError(UNHEARD)

    async def _subscribe(self, connection: AsyncConnection[Any], channels: Iterable[str]) -> None:
        from psycopg import sql

        async with asyncio.timeout(CONNECT_SECONDS):
            for channel in channels:
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))

    async def _send(self, connection: AsyncConnection[Any], probe: str) -> None:
        """A notice to itself: only when that arrives, others do."""
        async with asyncio.timeout(QUIET_SECONDS):
            await connection.execute("select pg_notify(%s, '')", (probe,))

    async def _hear_for(self, connection: AsyncConnection[Any], probe: str, seconds: float) -> bool:
        """Whether the probe was among what arrived."""
        is_proved = False
        async with contextlib.aclosing(connection.notifies(timeout=seconds)) as arriving:
            async for notice in arriving:
                if notice.channel == probe:
                    is_proved = True
                    self._begin()
                for hear in self._hearers.get(notice.channel, ()):
                    hear(notice.payload)
        return is_proved

    def _begin(self) -> None:
        """From now on notices are heard; some may have been missed before."""
        if not self.is_heard:
            self.connects += 1
            self.is_heard = True
            for hear in {hear for hearers in self._hearers.values() for hear in hearers}:
                hear("")
