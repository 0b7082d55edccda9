"""200 tasks of ten lines a second each: all come to the page, and it stays light. What is asserted doesn't hang on the
machine's speed; `python -m tests.bench ui` times it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.e2e.server_process import ServerProcess
from tests.ui.load import TASKS, cancel_all, last_seqs, logs, measure

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


async def test_two_hundred_busy_tasks(
    context: BrowserContext, page: Page, tmp_path: Path, stack: AsyncExitStack
) -> None:
    server = ServerProcess(tmp_path / "data", GLEANERY_WORKER_CONCURRENCY=str(TASKS))
    await server.start()
    stack.push_async_callback(server.stop)
    load = await measure(context, page, server, 4.0)
    assert load.events > TASKS, "every task goes on"
    assert load.near_rows_drawn > 0
    assert load.far_rows_drawn <= TASKS, (
        "what nobody sees is not drawn: a bar may still come to what its row began with"
    )
    assert load.nodes < 8_000
    assert load.heap_mb <= 40
    await cancel_all(server)
    await expect(page.locator("[data-testid=task-row] [data-status=cancelled]")).to_have_count(TASKS, timeout=60_000)
    await _nothing_was_lost(page, await last_seqs(server))


async def _nothing_was_lost(page: Page, last: dict[str, int]) -> None:
    """Every line of every log came to the page, once and in order."""
    arrived = "last => Object.entries(last).every(([id, seq]) => window.__logs[id].last === seq)"
    await page.wait_for_function(arrived, arg=last)
    for log in (await logs(page)).values():
        assert log.broken == 0
        assert log.heard == log.last - log.first + 1
