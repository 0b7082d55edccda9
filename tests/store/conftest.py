"""The stores under test: the whole contract runs over each."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from gleanery.model import Clock
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.supabase import SupabaseStore
from gleanery.store.values import OnChange
from tests.clock import SetClock
from tests.ground.supabase import Gateway, Project
from tests.store.samples import Changes, Crawl, start_crawl

PATIENCE_SECONDS = 600.0
"""However slow the machine is."""

OpenStore = Callable[[OnChange], AbstractAsyncContextManager[Store]]

ON_BOTH = frozenset(
    {
        "test_at_once",
        "test_coalesce",
        "test_compliance",
        "test_dependencies",
        "test_due_times",
        "test_enrich",
        "test_frontier",
        "test_generations",
        "test_holdings",
        "test_hosts",
        "test_knowledge",
        "test_large_queues",
        "test_limits",
        "test_long_calls",
        "test_outbox_rows",
        "test_page_versions",
        "test_pages",
        "test_parses",
        "test_pause",
        "test_portable_rows",
        "test_presence",
        "test_prune",
        "test_rows_ahead",
        "test_saved_queries",
        "test_schedules",
        "test_search",
        "test_source_changed",
        "test_stats",
        "test_steps",
        "test_stories",
        "test_tail_numbers",
        "test_task_ends",
        "test_tasks",
        "test_timeline",
        "test_traces",
        "test_vectors",
        "test_word_counts",
        "test_workers",
    }
)
"""Modules whose tests run over Supabase too. Once all parts of it are there, all do."""
ON_SEVERAL_MACHINES = frozenset({"test_crawl_sharing", "test_processes", "test_rows_ahead_shared"})
"""Modules that are about several machines: what the embedded store has no part for."""
BACKENDS = ("embedded", "supabase")


def embedded(folder: Path, clock: Clock) -> OpenStore:
    return lambda on_change: EmbeddedStore(folder / "gleanery.db", on_change, clock)


def over_supabase(project: Project, clock: Clock) -> OpenStore:
    """Opens what the project holds."""

    @asynccontextmanager
    async def opened(on_change: OnChange) -> AsyncIterator[Any]:
        async with (
            Gateway(project) as gateway,
            SupabaseStore(
                gateway.url,
                project.service_key,
                on_change,
                clock,
                patience_seconds=PATIENCE_SECONDS,
                telling_wait_seconds=PATIENCE_SECONDS,
            ) as store,
        ):
            yield store

    return opened


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "open_store" in metafunc.fixturenames:
        module = metafunc.module.__name__.rpartition(".")[2]
        names = BACKENDS if module in ON_BOTH else BACKENDS[1:] if module in ON_SEVERAL_MACHINES else BACKENDS[:1]
        metafunc.parametrize("open_store", names, indirect=True)


@pytest.fixture
def open_store(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> OpenStore:
    """Opens the same database each time."""
    if request.param == "embedded":
        return embedded(tmp_path, clock)
    project: Project = request.getfixturevalue("supabase_project")
    project.empty()
    return over_supabase(project, clock)


@pytest.fixture
def count_rows(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], int]:
    """How many rows a table of the store under test has."""
    if request.node.callspec.params["open_store"] == "embedded":
        return lambda table: _count(sqlite3.connect(tmp_path / "gleanery.db"), table)
    project: Project = request.getfixturevalue("supabase_project")
    return lambda table: _count(project.connect(), f"gleanery.{table}")


@pytest.fixture
def execute(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], None]:
    """Runs a statement beside the store under test, in a schema where its tables are."""
    if request.node.callspec.params["open_store"] == "embedded":
        return lambda sql: _execute(sqlite3.connect(tmp_path / "gleanery.db", isolation_level=None), sql)
    project: Project = request.getfixturevalue("supabase_project")
    return lambda sql: _execute(project.connect(), "set search_path = gleanery", sql)


def _execute(connection: Any, *statements: str) -> None:
    with closing(connection) as database:
        for sql in statements:
            database.execute(sql)


def _count(connection: Any, table: str) -> int:
    with closing(connection) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
def changes() -> Changes:
    return Changes()


@pytest.fixture
async def store(open_store: OpenStore, changes: Changes) -> AsyncIterator[Store]:
    async with open_store(changes) as it:
        yield it


@pytest.fixture
async def crawl(store: Store) -> Crawl:
    return await start_crawl(store)
