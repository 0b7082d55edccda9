"""The list of 200 busy tasks stays light. What is asserted doesn't hang on the machine; `python -m tests.bench ui` times it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page

from tests.e2e.server_process import ServerProcess
from tests.ui.load import TASKS, measure, start_tasks

pytestmark = [pytest.mark.browser, pytest.mark.e2e]


async def test_two_hundred_busy_tasks(
    context: BrowserContext, page: Page, tmp_path: Path, stack: AsyncExitStack
) -> None:
    server = ServerProcess(tmp_path / "data", GLEANERY_WORKER_CONCURRENCY=str(TASKS))
    await server.start()
    stack.push_async_callback(server.stop)
    await start_tasks(server)
    load = await measure(context, page, server, 4.0)
    assert load.events > TASKS, "every task goes on"
    assert load.messages <= load.seconds * 2 + 3, "changes come together"
    assert load.near_rows_drawn > 0
    assert load.far_rows_drawn == 0, "what nobody sees is not drawn"
    assert load.nodes < 8_000
    assert load.heap_mb <= 40
    assert load.main_thread_percent <= 25, "it took 8 % when this was written"
