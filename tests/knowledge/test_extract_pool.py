"""The pool of processes: warm or started by the first page, and how many of them are busy."""

from __future__ import annotations

import asyncio

import pytest

from gleanery.knowledge.extract_pool import ExtractPool

PAGE = b"<!doctype html><title>Pears</title><main><h1>Pears</h1><p>Pears are sweet.</p></main>"


@pytest.mark.parametrize("is_warm", [True, False])
async def test_pages_are_taken_apart(is_warm: bool) -> None:
    async with ExtractPool(2, 20, is_warm=is_warm) as pool:
        assert (pool.size, pool.busy) == (2, 0)
        pages = [
            asyncio.create_task(pool.extract(PAGE, f"https://example.org/{number}", "utf-8")) for number in range(5)
        ]
        await asyncio.sleep(0)  # each of them asks for a process
        assert pool.busy == 2
        assert [page.title for page in await asyncio.gather(*pages)] == ["Pears"] * 5
        assert pool.busy == 0
