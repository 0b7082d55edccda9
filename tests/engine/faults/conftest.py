"""A stage that other processes play on too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gleanery.engine.events import ChangeFeed
from gleanery.engine.tail import Tail
from gleanery.store.embedded import EmbeddedStore
from tests.engine.stage import Stage


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "gleanery.db"


@pytest.fixture
async def shared(database: Path) -> AsyncIterator[Stage]:
    """A stage over `database` that hears of the changes of other processes."""
    feed = ChangeFeed()
    tail = Tail(feed.publish)
    tail.is_alone = False
    async with EmbeddedStore(database, tail.hear) as store:
        await tail.start(store.tasks)
        yield Stage(store, feed, database.parent)
        await tail.stop()
