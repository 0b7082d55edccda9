"""The stage of the worker's tests, over a real store in a fresh folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gleanery.engine.events import ChangeFeed
from gleanery.store.embedded import EmbeddedStore
from tests.engine.stage import Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    feed = ChangeFeed()
    async with EmbeddedStore(tmp_path / "gleanery.db", feed.publish) as store:
        yield Stage(store, feed, tmp_path)
