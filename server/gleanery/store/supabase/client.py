"""The way to Supabase: functions of the database, called over PostgREST by supabase-py's async client.

How functions look, so that all parts do it alike:

- `public.gleanery_<part>_<method>(args jsonb) returns json`: one argument, an object with whatever the method is given. `args`
  may hold `now` (seconds; tests set it, else it is the database's clock: `gleanery.now_of(args)`) and, of one that writes,
  `call_id`. `security invoker`, `set search_path = gleanery, pg_temp`, `stable` where it only reads.
- One call is one transaction. One that writes answers with `gleanery.reply(args, value)`, and what tells of tasks begins with
  `gleanery.answered(args)` (see sql/003_changes.sql): a call whose answer was lost is made again with the same `call_id`, and
  then writes nothing and answers the same. Tasks are changed through `gleanery.append` or `keep_events`.
- Tables are the embedded store's, in the schema `gleanery`: times are seconds, JSON that SQL does not look into is text (it comes
  back as it was given, in its order), booleans are booleans, text is compared by its bytes (`collate "C"`).
- Errors are raised by `gleanery.fail('GL0nn', message, details)`; CODES says which is which.
- A character that PostgreSQL can't keep (NUL) is replaced by U+FFFD on the way there.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import random
import re
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

import httpx

from gleanery import errors, log
from gleanery.model import Clock
from gleanery.store.rows import change_from
from gleanery.store.supabase.database_clock import DatabaseClock
from gleanery.store.supabase.telling import LONGEST_WAIT_SECONDS as TELLING_WAIT_SECONDS
from gleanery.store.supabase.telling import Teller
from gleanery.store.values import OnChange

if TYPE_CHECKING:
    from supabase import AsyncClient

_log = log.get(__name__)
T = TypeVar("T")

PATIENCE_SECONDS = 15.0
"""How long a call is tried again while nobody answers, or the answer is one that passes."""
PROBE_SECONDS = 3.0
FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 2.0
CONNECTIONS = 16
"""Calls at once; others wait here. PostgREST has ten connections to the database unless set otherwise."""
CALL_TIMEOUT = httpx.Timeout(60.0, connect=5.0)

PASSING_STATUSES = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524})
PASSING_CODES = ("08", "40", "53", "55P03", "57014", "57P", "PGRST000", "PGRST001", "PGRST002", "PGRST003")
"""Beginnings of codes: connections, serialization and deadlocks, resources, locks, time-outs, a server that ends; PostgREST
without a database. https://www.postgresql.org/docs/current/errcodes-appendix.html"""
FULL_CODES = ("53100",)
MISSING_CODES = frozenset({"42P01", "3F000", "PGRST202", "PGRST205"})
"""No such table, function or schema: as PostgREST 12 says it, and 13."""
_OWN_FUNCTION = re.compile(r"function (?:public\.)?gleanery[._]")
KEY_CODES = frozenset({"401", "403", "PGRST300", "PGRST301", "PGRST302", "PGRST303", "42501"})
"""The key is none, or none that may do this. An expired one is PGRST301 in PostgREST 12, PGRST303 from 13 on."""

SCHEMA_MISSING = "The database has not the tables and functions that this gleanery works with: run `gleanery migrate`, then start it again."


def _lease_lost(message: str, details: Mapping[str, Any]) -> errors.GleaneryError:
    return errors.LeaseLost(message, **details)


def _not_found(_: str, details: Mapping[str, Any]) -> errors.GleaneryError:
    return errors.NotFound(details["kind"], details["id"])


def _wrong_state(message: str, details: Mapping[str, Any]) -> errors.GleaneryError:
    return errors.WrongState(message, **details)


def _invalid_input(_: str, details: Mapping[str, Any]) -> errors.GleaneryError:
    return errors.InvalidInput(**details)


def _queue_full(message: str, details: Mapping[str, Any]) -> errors.GleaneryError:
    return errors.QueueFull(message, **details)


def _idempotency_conflict(message: str, details: Mapping[str, Any]) -> errors.GleaneryError:
    return errors.IdempotencyConflict(message, **details)


CODES: Mapping[str, Callable[[str, Mapping[str, Any]], errors.GleaneryError]] = {
    "GL001": _lease_lost,
    "GL002": _not_found,
    "GL003": _wrong_state,
    "GL004": _invalid_input,
    "GL005": _queue_full,
    "GL006": _idempotency_conflict,
}
"""What functions raise, as errors of ours. `details` of GL002 are {kind, id}, of GL004 {field, reason}."""


class Rest:
    """Calls functions of a Supabase project. Open with `async with`."""

    def __init__(
        self,
        url: str,
        key: str,
        on_change: OnChange,
        clock: Clock | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        telling_wait_seconds: float = TELLING_WAIT_SECONDS,
    ) -> None:
        self._url = url
        self._key = key
        self._clock = clock
        self._database_clock = DatabaseClock()
        self._patience = patience_seconds
        self._teller = Teller(on_change, telling_wait_seconds)
        self._writes: set[asyncio.Task[Any]] = set()
        self._given_up: set[asyncio.Task[Any]] = set()
        self._is_reached = True
        self._room = asyncio.Semaphore(CONNECTIONS)
        self._free: list[tuple[AsyncClient, httpx.AsyncClient]] = []
        self._opened: set[httpx.AsyncClient] = set()
        self._closing: set[asyncio.Task[None]] = set()
        self._ends_at: float | None = None
        self._waiting: set[asyncio.Timeout] = set()

    async def __aenter__(self) -> Rest:
        self.loop = asyncio.get_running_loop()
        self._free.append(self._new_way())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._writes:
            await asyncio.gather(*self._writes, return_exceptions=True)
        await asyncio.gather(*self._closing, *(http.aclose() for http in self._opened))

    def _new_way(self) -> tuple[AsyncClient, httpx.AsyncClient]:
        """With one connection of its own: httpx looks at all that are idle in a pool at each request, a third of its time."""
        from supabase import AsyncClient, AsyncClientOptions  # half a second, for those who have a project

        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        http = httpx.AsyncClient(verify=_authorities(), timeout=CALL_TIMEOUT, limits=limits)
        self._opened.add(http)
        options = AsyncClientOptions(httpx_client=http, auto_refresh_token=False, persist_session=False)
        return AsyncClient(self._url, self._key, options), http

    @property
    def clock(self) -> Clock:
        """The database's time, or the time that was set for it."""
        return self._clock or self._database_clock

    async def start_telling(self) -> None:
        """Know the database's time, and tell of changes from the newest event on."""
        asked_at = time.monotonic()
        self._database_clock.hear(float(await self.call("now")), asked_at, time.monotonic())
        self._teller.start(int(await self.call("tasks_last_number")))

    def end_within(self, seconds: float) -> None:
        """No call is waited for any longer than so: neither those under way nor those to come."""
        self._ends_at = self.loop.time() + seconds
        for waiting in self._waiting:
            waiting.reschedule(self._ends_at)

    async def call(self, name: str, /, **args: Any) -> Any:
        """What the function `gleanery_<name>` answers: of one that reads."""
        return await self._answer(name, self._with_time(args))

    async def probe(self, name: str, /) -> Any:
        """The same, asked once: for who wants to know whether somebody answers."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                return await self._ask(name, {})
        except TimeoutError:
            raise errors.StorageError(f"Supabase did not answer within {PROBE_SECONDS:.0f} s.") from None

    async def write(self, name: str, /, **args: Any) -> Any:
        """The value that a function that writes answers; the changes that it made are told before this returns.

        A caller that is cancelled does not cancel the write: it happens, only nobody waits for it. One that met StorageAway
        does not know whether it has happened: with a `call_id` of its own it may ask again.
        """
        return await self.result_of(self.see_through(self._write(name, self._with_time(args))))

    async def result_of(self, writing: asyncio.Task[T]) -> T:
        """What comes of a write that is seen through, for as long as the caller is there to hear it."""
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            if not writing.done():
                self._given_up.add(writing)
            raise

    async def caught_up(self) -> None:
        """Wait for the writes whose callers were cancelled: what comes next in the database may not come before them."""
        if self._given_up:
            await asyncio.wait(self._given_up)

    def see_through(self, write: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Do this whatever becomes of its caller: closing waits for it."""
        writing = asyncio.create_task(write)
        self._writes.add(writing)
        writing.add_done_callback(self._written)
        return writing

    def _written(self, writing: asyncio.Task[Any]) -> None:
        self._writes.discard(writing)
        self._given_up.discard(writing)
        if not writing.cancelled():
            writing.exception()  # whoever gave it up need not hear; asyncio would complain of that

    async def _write(self, name: str, args: dict[str, Any]) -> Any:
        with self._teller.turn() as turn:
            asked_at = time.monotonic()
            answer = await self._answer(name, {"call_id": uuid4().hex, **args})
            self._database_clock.hear(answer["at"], asked_at, time.monotonic())
            if answer["changes"]:
                await turn.tell([change_from(row) for row in answer["changes"]])
            return answer["value"]

    def _with_time(self, args: dict[str, Any]) -> dict[str, Any]:
        clean: dict[str, Any] = _without_nul(args)
        return clean if self._clock is None else {**clean, "now": self._clock().timestamp()}

    async def _answer(self, name: str, args: Mapping[str, Any]) -> Any:
        try:
            async with self._until_the_end():
                answer = await patiently(lambda: self._ask(name, args), self._patience)
        except errors.StorageError as error:
            if self._is_reached and error.can_retry:
                self._is_reached = False
                _log.error("database not reached", extra={"call": name, "reason": error.message})
            raise
        if not self._is_reached:
            self._is_reached = True
            _log.info("database reached again", extra={"call": name})
        return answer

    @contextlib.asynccontextmanager
    async def _way(self) -> AsyncIterator[AsyncClient]:
        """The one that was free last, since its connection is the likeliest to stand. One whose caller is cancelled is closed:
        httpcore may count its connection as taken from then on."""
        async with self._room:
            client, http = self._free.pop() if self._free else self._new_way()
            try:
                yield client
            except asyncio.CancelledError:
                self._close(http)
                raise
            finally:
                if http in self._opened:
                    self._free.append((client, http))

    def _close(self, http: httpx.AsyncClient) -> None:
        self._opened.remove(http)
        closing = asyncio.create_task(http.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    @contextlib.asynccontextmanager
    async def _until_the_end(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout_at(self._ends_at) as waiting:
                self._waiting.add(waiting)
                try:
                    yield
                finally:
                    self._waiting.remove(waiting)
        except TimeoutError:
            raise errors.StorageError("The database did not answer before this process stopped.") from None

    async def _ask(self, name: str, args: Mapping[str, Any]) -> Any:
        from postgrest.exceptions import APIError

        try:
            async with self._way() as client:
                # postgrest's own type of parameters knows strings only.
                asked = client.postgrest.rpc(f"gleanery_{name}", {"args": args})  # type: ignore[dict-item]
                return (await asked.execute()).data
        except APIError as error:
            raise _translate(error.code or "", error.message or "", error.details) from error
        except httpx.HTTPError as error:
            raise _Passing(f"Supabase does not answer: {type(error).__name__} {error}".rstrip()) from error


@functools.cache
def _authorities() -> ssl.SSLContext:
    """Whose certificates are believed: those that httpx goes by, read once (a thirtieth of a second)."""
    return httpx.create_ssl_context()


class _Passing(errors.StorageError):
    """Worth another try at once. `wait_seconds` is what the server asks for."""


async def patiently(ask: Callable[[], Awaitable[Any]], patience_seconds: float) -> Any:
    """Ask until there is an answer that does not pass. Raises StorageAway when it took too long."""
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_seconds
    wait = FIRST_WAIT_SECONDS
    while True:
        try:
            return await ask()
        except _Passing as error:
            pause = wait * (0.5 + random.random())
            if loop.time() + pause > until:
                raise errors.StorageAway(error.message, **error.details) from error
            _log.debug("call of the database repeated", extra={"reason": error.message})
        await asyncio.sleep(pause)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def _translate(code: str, message: str, details: Any) -> errors.GleaneryError:
    if (known := CODES.get(code)) is not None:
        return known(message, json.loads(details or "{}"))
    if code in MISSING_CODES or (code == "42883" and _OWN_FUNCTION.search(message)):
        return errors.StorageError(SCHEMA_MISSING, reason=message)
    if code.startswith(FULL_CODES):
        return errors.StorageFull(
            "The database's disk is full: nothing of this step was kept, what was stored before is. Free some room."
        )
    if code == "23505" and "call_pkey" in message:
        return _Passing("The same call is being answered already.")
    if code in KEY_CODES or (not code and "api key" in message.lower()):  # without a code: the gateway's own
        said = f"{message} ({code})" if code else message
        return errors.StorageError(f"Supabase refuses the key: {said}. Check SUPABASE_SERVICE_KEY.")
    if code == "PGRST106":
        return errors.StorageError("The project's API does not offer the schema public: add it under Exposed schemas.")
    if not code:  # how PostgREST 12 tells that its connection broke while it waited for the answer
        return _Passing("PostgREST lost its connection to the database.")
    if code.startswith(PASSING_CODES) or (code.isdigit() and len(code) == 3 and int(code) in PASSING_STATUSES):
        return _Passing(f"The database could not do that now: {message} ({code}).")
    return errors.StorageError(f"The database could not do that: {message} ({code}).")


def _without_nul(value: Any) -> Any:
    """The same with U+FFFD for NUL, which PostgreSQL keeps in no text."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd") if "\x00" in value else value
    if isinstance(value, Mapping):
        return {name: _without_nul(one) for name, one in value.items()}
    if isinstance(value, Sequence):
        return [_without_nul(one) for one in value]
    return value
