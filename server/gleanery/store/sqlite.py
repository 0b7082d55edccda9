"""The embedded store: one SQLite file in WAL mode, one writer thread, a few readers.

The writer takes what waits into one transaction (each call under a savepoint), so that a commit's fsync is shared and
still nothing is told before it is durable. Long calls (a page with all its chunks) go one at a time and let short ones
pass, so that starting a task doesn't wait for the pages of a crawl. Changes to tasks go to `on_change` in the order of their commits.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from gleanery import errors, log
from gleanery.model import Clock, Task, text_hash, utc_now
from gleanery.store import words
from gleanery.store.schema import MIGRATIONS
from gleanery.store.values import Change, OnChange

T = TypeVar("T")
_log = log.get(__name__)

GROUP_LIMIT = 50
LONG_CALL_LETS_PASS = 100
"""How many calls that come later may go before a long one."""
READERS = 3
READER_CACHE_KB = 8192
WRITER_CACHE_KB = 16384
BUSY_MILLISECONDS = 10_000
CHECKPOINT_SECONDS = 0.2
WAL_PAGES = 10_000
"""Pages of 4 KB after which the log is to start over."""
WAL_LIMIT_PAGES = 8 * WAL_PAGES
"""From here on it is made to, and writers wait."""
WAL_LAG_PAGES = 1_000
RESTART_MILLISECONDS = 100


@dataclass
class Tx:
    """One call's view of the write transaction: the connection, the time, and the changes to tell once it is durable."""

    db: sqlite3.Connection
    now: datetime
    changes: list[Change] = field(default_factory=list)
    ended: deque[Task] = field(default_factory=deque)
    """Tasks that have ended and whose dependents are still to be told: a chain of any length, without recursion."""


@dataclass
class _Call:
    work: Callable[[Tx], Any]
    future: asyncio.Future[Any]
    is_long: bool
    is_durable: bool
    tx: Tx | None = None
    result: Any = None
    error: BaseException | None = None


class Database:
    """The file, its writer and its readers. Open with `async with`."""

    def __init__(self, path: Path, on_change: OnChange, clock: Clock = utc_now) -> None:
        self.path = path
        self.clock = clock
        self._on_change = on_change
        self._is_synced = True
        self._numbers = itertools.count()
        self._calls: queue.PriorityQueue[tuple[float, int, _Call | None]] = queue.PriorityQueue()
        self._writer: threading.Thread | None = None
        self._checkpointer: threading.Thread | None = None
        self._is_closing = threading.Event()
        self._is_log_long = threading.Event()
        self._commits = 0
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="store-read")
        self._free: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        connection = await self._loop.run_in_executor(self._readers, self._open)
        for _ in range(READERS):
            self._free.put(connect(self.path, read_only=True))
        self._writer = threading.Thread(target=self._write_forever, args=(connection,), name="store-write", daemon=True)
        self._writer.start()
        self._checkpointer = threading.Thread(
            target=self._checkpoint_forever,
            args=(connect(self.path, read_only=False),),
            name="store-checkpoint",
            daemon=True,
        )
        self._checkpointer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._calls.put((float("inf"), next(self._numbers), None))
        self._is_closing.set()
        for thread in (self._checkpointer, self._writer):
            if thread is not None:
                await self._loop.run_in_executor(self._readers, thread.join)
        self._readers.shutdown(wait=True)
        while not self._free.empty():
            self._free.get().close()

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            connection = connect(self.path, read_only=False)
            bring_up_to_date(connection)
        except sqlite3.Error as error:
            raise translate(error) from error
        return connection

    async def write(self, work: Callable[[Tx], T], *, is_long: bool = False, is_durable: bool = True) -> T:
        """Run `work` in the next transaction; returns when it is durable. Its own errors roll back only itself.

        One that is not `is_durable` is not waited for until it is on the disk: it outlives a crash of the process, and is
        there if anything later is, but the machine's own crash may take it back (a claim: the task is queued then).
        A long one (milliseconds of writing) has its own transaction, and up to 100 short calls may overtake it.
        `work` may run twice (the first time is undone then): it writes through its Tx and has no other effect.
        """
        call = _Call(work, self._loop.create_future(), is_long, is_durable)
        number = next(self._numbers)
        self._calls.put((number + LONG_CALL_LETS_PASS * is_long, number, call))
        # A caller that is cancelled cancels its future and not the write: it happens, only nobody waits for it.
        result: T = await call.future
        return result

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run `work` on a reader: it sees everything committed before."""
        return await self._loop.run_in_executor(self._readers, self._read, work)

    def _read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._free.get()
        try:
            return work(connection)
        except sqlite3.Error as error:
            raise translate(error) from error
        finally:
            self._free.put(connection)

    def _write_forever(self, connection: sqlite3.Connection) -> None:
        while calls := self._next_calls():
            self._commit(connection, calls)
            try:
                self._loop.call_soon_threadsafe(self._tell, calls)
            except RuntimeError:  # the loop is closed: nobody is left to be told, but the rows are kept
                _log.warning("loop closed before a write was told")
            if self._is_log_long.is_set():
                self._is_log_long.clear()
                _checkpoint(connection)
        connection.close()

    def _checkpoint_forever(self, connection: sqlite3.Connection) -> None:
        """Bring what the log holds into the file, beside the writer: in its own commits it would stop for 50 ms and more.

        A log starts over with the first transaction that finds all of it in the file. Between two commits only the writer
        can see to that: it brings in the little that came during the checkpoint here. (RESTART would keep writers out for
        as long as it takes, and they look again after pauses that grow to 100 ms.)
        """
        connection.execute(f"PRAGMA busy_timeout = {RESTART_MILLISECONDS}")
        seen = 0
        while not self._is_closing.wait(CHECKPOINT_SECONDS):
            if seen == self._commits:
                continue
            seen = self._commits
            pages, left = _checkpoint(connection)
            # A reader that takes long (a backup) keeps the log from starting over, and writers would wait with it.
            if pages > WAL_PAGES and left < WAL_LAG_PAGES:
                _checkpoint(connection)
                self._is_log_long.set()
                if pages > WAL_LIMIT_PAGES:
                    _checkpoint(connection, "RESTART")
        connection.close()

    def _next_calls(self) -> Sequence[_Call]:
        """One long call, or the short ones that wait, in order; empty at the end."""
        _, _, first = self._calls.get()
        calls = [] if first is None else [first]
        while calls and not calls[0].is_long and len(calls) < GROUP_LIMIT:
            try:
                entry = self._calls.get_nowait()
            except queue.Empty:
                break
            if entry[2] is None or entry[2].is_long:
                self._calls.put(entry)
                break
            calls.append(entry[2])
        return calls

    def _commit(self, connection: sqlite3.Connection, calls: Sequence[_Call]) -> None:
        """All calls in one transaction; where that can't be kept, each in one of its own."""
        try:
            _roll_back(connection)  # what is left of one that could not be rolled back
            self._sync(connection, is_durable=any(call.is_durable for call in calls))
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            for call in calls:
                call.error = translate(error)
            return
        try:
            for call in calls:
                self._run(connection, call)
            connection.execute("COMMIT")
            self._commits += 1
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):  # the next transaction begins with it
                _roll_back(connection)
            if len(calls) == 1:
                calls[0].error = calls[0].error or translate(error)
                return
            # The one that was too much for the disk must not take the others along.
            for call in calls:
                self._commit(connection, [call])

    def _sync(self, connection: sqlite3.Connection, *, is_durable: bool) -> None:
        """Have the next commit wait for the disk, or not. (In WAL mode NORMAL leaves that to the next one that does.)"""
        if is_durable != self._is_synced:
            connection.execute(f"PRAGMA synchronous = {'FULL' if is_durable else 'NORMAL'}")
            self._is_synced = is_durable

    def _run(self, connection: sqlite3.Connection, call: _Call) -> None:
        call.tx, call.result, call.error = Tx(connection, self.clock()), None, None
        connection.execute("SAVEPOINT call")
        try:
            call.result = call.work(call.tx)
        except Exception as error:  # noqa: BLE001 - whatever a call raises is its caller's, who gets it through the future
            if connection.in_transaction:
                connection.execute("ROLLBACK TO call")
            call.error = translate(error) if isinstance(error, sqlite3.Error) else error
        if not connection.in_transaction:
            # On a full disk SQLite may roll back all there is, what the calls before have written too.
            raise sqlite3.OperationalError("the transaction was rolled back")
        connection.execute("RELEASE call")

    def _tell(self, calls: Sequence[_Call]) -> None:
        changes = [change for call in calls if call.error is None and call.tx for change in call.tx.changes]
        if changes:
            self._on_change(changes)
        for call in calls:
            if call.future.done():
                continue
            if call.error is not None:
                call.future.set_exception(call.error)
            else:
                call.future.set_result(call.result)


def _checkpoint(connection: sqlite3.Connection, mode: str = "PASSIVE") -> tuple[int, int]:
    """Pages of the log, and how many of them are not in the file yet."""
    try:
        found = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    except sqlite3.Error as error:
        _log.warning("log of the database not checkpointed", extra={"reason": str(error)})
        return 0, 0
    return found["log"], found["log"] - found["checkpointed"]


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """A connection on which each statement is a transaction of its own, until one begins."""
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        add_functions(connection)
    connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KB if read_only else WRITER_CACHE_KB}")
    return connection


def add_functions(connection: sqlite3.Connection) -> None:
    """What the schema's triggers and migrations call."""
    for function in (words.fts_text, words.fts_body, words.fts_code, words.fts_names):
        connection.create_function(function.__name__, 1, function, deterministic=True)
    connection.create_function("text_hash", 4, _text_hash, deterministic=True)


def _text_hash(title: str, heading_path: str, context: str, content: str) -> bytes:
    return text_hash(title, json.loads(heading_path), context, content)


def bring_up_to_date(connection: sqlite3.Connection) -> None:
    """Bring the file to the newest schema; a file from a newer gleanery is refused."""
    # Another process may open the same new file right now: whoever comes second finds it done.
    connection.execute("BEGIN IMMEDIATE")
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > len(MIGRATIONS):
            raise errors.StorageError(
                f"The database has schema {version}, this gleanery knows {len(MIGRATIONS)}:"
                " run the newer gleanery that made it.",
                found=version,
                known=len(MIGRATIONS),
            )
        for script in MIGRATIONS[version:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def translate(error: Exception) -> errors.StorageError:
    """An error of SQLite as ours."""
    text = str(error)
    if "disk is full" in text:
        return errors.StorageFull(
            "The disk is full: nothing of this step was kept, what was stored before is. Free some room."
        )
    return errors.StorageError(f"The database could not do that: {text}.")
