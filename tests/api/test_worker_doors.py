"""What a worker with a port answers, and what servers tell while their database is away or the browser is elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from gleanery import app
from gleanery.errors import InvalidInput
from tests.api.client import Client
from tests.api.test_metrics import metrics, value
from tests.conftest import StartServer, settings
from tests.ground.supabase import Gateway, Project, free_port

HIDDEN = "a key"
KEY = {"Authorization": f"Bearer {HIDDEN}"}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_a_worker_with_a_port_tells_of_itself_alone(tmp_path: Path, session: aiohttp.ClientSession) -> None:
    port = free_port()
    made = settings(tmp_path, worker_port=port, api_keys=HIDDEN, worker_concurrency=3)
    async with app.working(made, "w", ["test"]):
        client = Client(f"http://127.0.0.1:{port}", session)
        health = await client.call("GET", "/health")
        assert (health.status, health.body["status"], health.body["example_url"]) == (200, "ok", None)
        assert health.body["parts"]["worker"]["message"] == "0 of 3 tasks at once"
        assert (await client.call("GET", "/metrics")).status == 401
        told = await metrics(client, headers=KEY)
        assert (value(told, "worker_concurrency"), value(told, "store_up")) == (3, 1)
        assert value(told, "loop_lag_seconds_bucket", le="0.02") is not None
        assert not {
            name for name, _ in told if name.startswith(("gleanery_task", "gleanery_events", "gleanery_webhook"))
        }
        with pytest.raises(InvalidInput, match="GLEANERY_WORKER_PORT: can't listen"):
            async with app.working(made, "other", ["test"]):
                pass


async def test_figures_of_the_process_are_told_while_the_database_is_away(
    supabase_project: Project, gateway: Gateway, start_server: StartServer
) -> None:
    client = await start_server(supabase_url=gateway.url, supabase_service_key=supabase_project.service_key)
    before = await metrics(client)
    assert (value(before, "store_up"), value(before, "workers_alive", task_type="test")) == (1, 1)
    gateway.is_down = True
    away = await metrics(client)
    assert (value(away, "store_up"), value(away, "worker_concurrency")) == (0, 8)
    assert value(away, "tasks_due") is None
    gateway.is_down = False
    assert value(await metrics(client), "store_up") == 1


async def test_a_server_without_tasks_of_its_own_leaves_the_browser_to_workers(start_server: StartServer) -> None:
    client = await start_server(worker_concurrency=0, browser="/nowhere/chromium")
    assert (await client.post("/web-pages/parse", {"url": "http://127.0.0.1:1/"})).status == 202
    crawl = {"url": "http://127.0.0.1:1/", "render": "browser"}
    assert (await client.post("/knowledge/add", crawl)).status == 202
