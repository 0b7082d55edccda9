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

from gleanery.engine.dispatch import Dispatcher, LocalDispatcher
from gleanery.engine.events import ChangeFeed
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.supabase import SupabaseStore
from gleanery.store.values import OnChange
from tests.engine.stage import Stage
from tests.ground.supabase import Gateway, Project


@dataclass(frozen=True)
class Pair:
    open_store: Callable[[pytest.FixtureRequest, OnChange], AbstractAsyncContextManager[Store]]
    new_dispatcher: Callable[[], Dispatcher]
    times_slower: int = 1


def _embedded(request: pytest.FixtureRequest, tell: OnChange) -> AbstractAsyncContextManager[Store]:
    return EmbeddedStore(request.getfixturevalue("tmp_path") / "gleanery.db", tell)


@asynccontextmanager
async def _supabase(request: pytest.FixtureRequest, tell: OnChange) -> AsyncIterator[Any]:
    project: Project = request.getfixturevalue("supabase_project")
    project.empty()
    async with (
        Gateway(project) as gateway,
        SupabaseStore(gateway.url, project.service_key, tell, patience_seconds=5) as store,
    ):
        yield store


PAIRS: Mapping[str, Pair] = {
    "embedded-local": Pair(_embedded, LocalDispatcher),
    "supabase-local": Pair(_supabase, LocalDispatcher, times_slower=20),
}


EMBEDDED_ONLY = pytest.mark.parametrize("stage", ["embedded-local"], indirect=True)
"""For what is about the file of the embedded store: its disk, its locks."""


@pytest.fixture(params=list(PAIRS))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    feed, pair = ChangeFeed(), PAIRS[request.param]
    async with pair.open_store(request, feed.publish) as store:
        yield Stage(store, feed, tmp_path, pair.new_dispatcher, times_slower=pair.times_slower)
