"""The store under test. A second backend is one more entry of BACKENDS: the whole contract then runs over it too."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import OnChange
from tests.clock import SetClock
from tests.store.samples import Changes, Crawl, start_crawl

OpenStore = Callable[[OnChange], AbstractAsyncContextManager[Store]]


def _embedded(folder: Path, clock: SetClock) -> OpenStore:
    return lambda on_change: EmbeddedStore(folder / "gleanery.db", on_change, clock)


BACKENDS: dict[str, Callable[[Path, SetClock], Any]] = {"embedded": _embedded}


@pytest.fixture(params=list(BACKENDS))
def open_store(request: pytest.FixtureRequest, tmp_path: Path, clock: SetClock) -> OpenStore:
    """Opens the same database each time."""
    opener: OpenStore = BACKENDS[request.param](tmp_path, clock)
    return opener


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
