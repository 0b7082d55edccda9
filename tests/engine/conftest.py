"""The stage of the engine's tests: every pair of a store and a dispatcher that is to keep the engine's promise.

A second store or dispatcher is one more entry: all tests of the engine that use `stage` then run over it too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from gleanery.engine.dispatch import Dispatcher, LocalDispatcher
from gleanery.engine.events import ChangeFeed
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import OnChange
from tests.engine.stage import Stage


@dataclass(frozen=True)
class Pair:
    open_store: Callable[[Path, OnChange], AbstractAsyncContextManager[Store]]
    new_dispatcher: Callable[[], Dispatcher]


PAIRS: Mapping[str, Pair] = {
    "embedded-local": Pair(lambda folder, tell: EmbeddedStore(folder / "gleanery.db", tell), LocalDispatcher),
}


@pytest.fixture(params=list(PAIRS))
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    feed, pair = ChangeFeed(), PAIRS[request.param]
    async with pair.open_store(tmp_path, feed.publish) as store:
        yield Stage(store, feed, tmp_path, pair.new_dispatcher)
