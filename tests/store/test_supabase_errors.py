"""What a project's API may answer instead of a value, as PostgREST 12 says it, 13 says it, and the gateway before it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import web

from gleanery import errors
from gleanery.store.supabase.client import SCHEMA_MISSING, Rest

PATIENCE_SECONDS = 5.0

Answer = tuple[int, Mapping[str, Any] | str]


def said(code: str | None, message: str, details: str | None = None) -> Mapping[str, Any]:
    return {"code": code, "details": details, "hint": None, "message": message}


@contextlib.asynccontextmanager
async def answering(*answers: Answer) -> AsyncIterator[Rest]:
    """A way to an API that answers these, one after the other, and then 7."""
    waiting = list(answers)

    async def answer(_: web.Request) -> web.Response:
        if not waiting:
            return web.json_response(7)
        status, body = waiting.pop(0)
        return (
            web.Response(status=status, text=body) if isinstance(body, str) else web.json_response(body, status=status)
        )

    app = web.Application()
    app.router.add_post("/rest/v1/rpc/{name}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        async with Rest(url, "a.b.c", lambda changes: None, patience_seconds=PATIENCE_SECONDS) as rest:
            yield rest
    finally:
        await runner.cleanup()


MISSING: Mapping[str, Answer] = {
    "function, 12": (
        404,
        said(
            "PGRST202", "Could not find the function public.gleanery_schema(args) in the schema cache", "Searched for …"
        ),
    ),
    "function, inside of one": (404, said("42883", "function gleanery.now_of(jsonb) does not exist")),
    "function of public": (404, said("42883", "function public.gleanery_schema(args => jsonb) does not exist")),
    "table, 12": (404, said("42P01", 'relation "migration" does not exist')),
    "table, 13": (404, said("PGRST205", "Could not find the table 'public.migration' in the schema cache")),
    "schema": (400, said("3F000", 'schema "gleanery" does not exist')),
}


@pytest.mark.parametrize("answer", MISSING.values(), ids=MISSING)
async def test_a_schema_that_is_not_there_says_to_migrate(answer: Answer) -> None:
    async with answering(answer) as rest:
        with pytest.raises(errors.StorageError) as raised:
            await rest.call("schema")
    assert raised.value.message == SCHEMA_MISSING


@pytest.mark.parametrize(
    "message",
    [
        "operator does not exist: extensions.halfvec <=> extensions.halfvec",
        "function vector_dims(halfvec) does not exist",
    ],
)
async def test_a_function_that_is_not_ours_is_told_as_it_is(message: str) -> None:
    async with answering((404, said("42883", message))) as rest:
        with pytest.raises(errors.StorageError) as raised:
            await rest.call("search_nearest")
    assert raised.value.message == f"The database could not do that: {message} (42883)."


REFUSED: Mapping[str, Answer] = {
    "expired, 12": (401, said("PGRST301", "JWT expired")),
    "expired, 13": (401, said("PGRST303", "JWT expired")),
    "wrong, 13": (
        401,
        said("PGRST301", "No suitable key or wrong key type", "None of the keys was able to decode the JWT"),
    ),
    "no secret": (500, said("PGRST300", "Server lacks JWT secret")),
    "anonymous": (401, said("PGRST302", "Anonymous access is disabled")),
    "another role": (403, said("42501", "permission denied for function gleanery_schema")),
    "gateway": (
        401,
        {"message": "Invalid API key", "hint": "Double check your Supabase `anon` or `service_role` API key."},
    ),
    "gateway without a key": (401, {"message": "No API key found in request"}),
    "no JSON": (401, "Unauthorized"),
}


@pytest.mark.parametrize("answer", REFUSED.values(), ids=REFUSED)
async def test_a_key_that_is_refused_is_told_at_once(answer: Answer) -> None:
    async with answering(answer) as rest:
        with pytest.raises(errors.StorageError, match="Check SUPABASE_SERVICE_KEY"):
            await rest.call("schema")
        assert await rest.call("schema") == 7


PASSING: Mapping[str, Answer] = {
    "no database": (503, said("PGRST000", "Database connection error. Retrying the connection.")),
    "internal": (503, said("PGRST001", "Database client error. Retrying the connection.")),
    "cache": (503, said("PGRST002", "Could not query the database for the schema cache. Retrying.")),
    "pool": (504, said("PGRST003", "Timed out acquiring connection from connection pool.")),
    "connection lost, 12": (503, said(None, "no connection to the server\n")),
    "connection lost, 13": (503, said("", "server closed the connection unexpectedly")),
    "ended": (500, said("57P01", "terminating connection due to administrator command")),
    "deadlock": (500, said("40P01", "deadlock detected")),
    "gateway": (502, "<html>bad gateway</html>"),
    "too many": (429, "slow down"),
}


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
async def test_what_passes_is_asked_again(answer: Answer) -> None:
    async with answering(answer) as rest:
        assert await rest.call("schema") == 7


async def test_a_schema_that_is_not_offered_says_so() -> None:
    async with answering((406, said("PGRST106", "Invalid schema: public"))) as rest:
        with pytest.raises(errors.StorageError, match="Exposed schemas"):
            await rest.call("schema")


async def test_our_errors_come_with_what_they_are_about() -> None:
    details = '{"kind" : "task", "id" : "tsk_1"}'
    async with answering((400, said("GL002", "task", details))) as rest:
        with pytest.raises(errors.NotFound, match="no task with the id 'tsk_1'"):
            await rest.call("tasks_get")


@pytest.mark.parametrize("turns", range(1, 31))
async def test_a_call_that_is_cancelled_holds_up_none_after_it(turns: int) -> None:
    """At whichever turn of the loop it is, over a new connection and over one that stands."""
    async with answering() as rest:
        for _ in range(2):
            cancelled = asyncio.create_task(rest.call("now"))
            for _ in range(turns):
                await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait([cancelled])
            assert await rest.call("now") == 7
