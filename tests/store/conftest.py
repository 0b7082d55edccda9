"""The stores under test: the whole contract runs over each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

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
        "test_frontier",
        "test_generations",
        "test_holdings",
        "test_knowledge",
        "test_page_versions",
        "test_pages",
        "test_rows_ahead",
        "test_saved_queries",
        "test_search",
        "test_source_changed",
        "test_tasks",
        "test_vectors",
        "test_workers",
    }
)
"""Modules whose tests run over Supabase too. Once all parts of it are there, all do."""
BACKENDS = ("embedded", "supabase")


def embedded(folder: Path, clock: SetClock) -> OpenStore:
    return lambda on_change: EmbeddedStore(folder / "gleanery.db", on_change, clock)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "open_store" in metafunc.fixturenames:
        module = metafunc.module.__name__.rpartition(".")[2]
        names = [name for name in BACKENDS if name == "embedded" or module in ON_BOTH]
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
    return lambda on_change: _supabase(project, on_change, clock)


@asynccontextmanager
async def _supabase(project: Project, on_change: OnChange, clock: SetClock) -> AsyncIterator[Any]:
    async with (
        Gateway(project) as gateway,
        SupabaseStore(gateway.url, project.service_key, on_change, clock, patience_seconds=5) as store,
    ):
        yield store


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
