"""The stage of the engine's tests: every pair of a store and a dispatcher that is to keep the engine's promise.

A second store or dispatcher is one more entry: all tests of the engine that use `stage` then run over it too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gleanery.engine.events import ChangeFeed
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.supabase import SupabaseStore
from gleanery.store.values import OnChange
from tests.engine.stage import PATIENCE_SECONDS, OpenDispatcher, Stage, rung_from, rung_here
from tests.ground.supabase import Gateway, Project


@dataclass(frozen=True)
class Pair:
    open_store: Callable[[pytest.FixtureRequest, OnChange], AbstractAsyncContextManager[Store]]
    open_dispatcher: Callable[[pytest.FixtureRequest], OpenDispatcher] = lambda _: rung_here
    times_slower: int = 1


def _embedded(request: pytest.FixtureRequest, tell: OnChange) -> AbstractAsyncContextManager[Store]:
    return EmbeddedStore(request.getfixturevalue("tmp_path") / "gleanery.db", tell)


@asynccontextmanager
async def _supabase(request: pytest.FixtureRequest, tell: OnChange) -> AsyncIterator[Any]:
    project: Project = request.getfixturevalue("supabase_project")
    project.empty()
    async with (
        Gateway(project) as gateway,
        SupabaseStore(gateway.url, project.service_key, tell, patience_seconds=PATIENCE_SECONDS) as store,
    ):
        yield store


def _procrastinate(request: pytest.FixtureRequest) -> OpenDispatcher:
    project: Project = request.getfixturevalue("supabase_project")
    return rung_from(project.database_url)


PAIRS: Mapping[str, Pair] = {
    "embedded-local": Pair(_embedded),
    "supabase-local": Pair(_supabase, times_slower=20),
    "supabase-procrastinate": Pair(_supabase, _procrastinate, times_slower=20),
}
ABOUT_DISPATCHING = frozenset({"test_worker", "test_worker_races"})
"""Modules that run over Procrastinate too: the others have nothing to do with how doorbells travel."""


EMBEDDED_ONLY = pytest.mark.parametrize("stage", ["embedded-local"], indirect=True)
"""For what is about the file of the embedded store: its disk, its locks."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "stage" in metafunc.fixturenames and "stage" not in chosen:
        module = metafunc.module.__name__.rpartition(".")[2]
        pairs = [name for name in PAIRS if "procrastinate" not in name or module in ABOUT_DISPATCHING]
        metafunc.parametrize("stage", pairs, indirect=True)


@pytest.fixture
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    feed, pair = ChangeFeed(), PAIRS[request.param]
    async with pair.open_store(request, feed.publish) as store:
        yield Stage(store, feed, tmp_path, pair.open_dispatcher(request), times_slower=pair.times_slower)
