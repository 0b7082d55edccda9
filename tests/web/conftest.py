"""Fetchers for tests: 127.0.0.1 stands for the public web, everything else private stays forbidden."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gleanery.web.fetch import Fetcher, FetchLimits
from gleanery.web.guard import AddressPolicy

AGENT = "gleanery/test (+https://github.com/gleanery/gleanery)"
LOCAL = AddressPolicy.parse(["127.0.0.1"])
QUICK = FetchLimits(connect_seconds=2, silence_seconds=2, total_seconds=10, max_bytes=1024 * 1024)


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with Fetcher(LOCAL, AGENT, limits=QUICK) as it:
        yield it
