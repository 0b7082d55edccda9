"""Fetchers for tests: 127.0.0.1 stands for the public web, everything else private stays forbidden."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gleanery.web.fetch import Fetcher, FetchLimits
from gleanery.web.guard import AddressPolicy

AGENT = "gleanery/test (+https://github.com/gleanery/gleanery)"
LOCAL = AddressPolicy.parse(["127.0.0.1"])
SMALL = FetchLimits(connect_seconds=30, silence_seconds=30, total_seconds=60, max_bytes=1024 * 1024)


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Fetcher(LOCAL, AGENT, limits=SMALL) as it:
        yield it
