"""The stores under test: the whole contract runs over each."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
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

OpenStore = Callable[[OnChange], AbstractAsyncContextManager[Store]]

ON_BOTH = frozenset(
    {
        "test_coalesce",
        "test_dependencies",
        "test_due_times",
        "test_enrich",
        "test_frontier",
        "test_generations",
        "test_holdings",
        "test_hosts",
        "test_knowledge",
        "test_outbox_rows",
        "test_page_versions",
        "test_pages",
        "test_pause",
        "test_presence",
        "test_prune",
        "test_rows_ahead",
        "test_saved_queries",
        "test_schedules",
        "test_search",
        "test_source_changed",
        "test_stats",
        "test_steps",
        "test_tail_numbers",
        "test_task_ends",
        "test_tasks",
        "test_timeline",
        "test_vectors",
        "test_workers",
    }
)
"""Modules whose tests run over Supabase too. Once all parts of it are there, all do."""
NEED_CRAWLS = frozenset(
    {
        "test_the_last_task_of_a_source_stays_as_long_as_the_source_does",
        "test_a_crawl_with_many_urls_goes_over_several_transactions",
        "test_the_failed_pages_of_a_completed_crawl_are_tried_again",
        "test_without_failed_pages_there_is_nothing_to_retry",
    }
)
"""Tests in these modules that wait for the crawls of Supabase."""
BACKENDS = ("embedded", "supabase")


def embedded(folder: Path, clock: Clock) -> OpenStore:
    return lambda on_change: EmbeddedStore(folder / "gleanery.db", on_change, clock)


def over_supabase(project: Project, clock: Clock) -> OpenStore:
    """Opens what the project holds."""

    @asynccontextmanager
    async def opened(on_change: OnChange) -> AsyncIterator[Any]:
        async with (
            Gateway(project) as gateway,
            SupabaseStore(gateway.url, project.service_key, on_change, clock, patience_seconds=5) as store,
        ):
            yield store

    return opened


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "open_store" in metafunc.fixturenames:
        module = metafunc.module.__name__.rpartition(".")[2]
        is_on_both = module in ON_BOTH and metafunc.function.__name__ not in NEED_CRAWLS
        names = BACKENDS if is_on_both else BACKENDS[:1]
        metafunc.parametrize("open_store", names, indirect=True)


@pytest.fixture(scope="session")
def supabase_project() -> Iterator[Project]:
    """One for each process that runs tests; its rows are those of the test before."""
    with Project() as project:
        yield project


@pytest.fixture
async def gateway(supabase_project: Project) -> AsyncIterator[Gateway]:
    """The way to an empty Supabase project."""
    supabase_project.empty()
    async with Gateway(supabase_project) as gateway:
        yield gateway


@pytest.fixture
def open_store(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> OpenStore:
    """Opens the same database each time."""
    if request.param == "embedded":
        return embedded(tmp_path, clock)
    project: Project = request.getfixturevalue("supabase_project")
    project.empty()
    return over_supabase(project, clock)


AskDatabase = Callable[[str], Any]


@pytest.fixture
def ask_database(request: pytest.FixtureRequest, open_store: OpenStore, tmp_path: Path) -> AskDatabase:
    """The first value that a query of SQL gives, beside the store."""

    def embedded_value(sql: str) -> Any:
        with contextlib.closing(sqlite3.connect(tmp_path / "gleanery.db")) as db:
            return db.execute(sql).fetchone()[0]

    def supabase_value(sql: str) -> Any:
        with request.getfixturevalue("supabase_project").connect() as db:
            db.execute("set search_path = gleanery")
            row = db.execute(sql).fetchone()
            return None if row is None else row[0]

    return embedded_value if request.node.callspec.params["open_store"] == "embedded" else supabase_value


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
