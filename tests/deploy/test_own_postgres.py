"""A server over the database that `deploy/` makes: its roles and keys are enough, and no more than that."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.api.client import Client
from tests.conftest import StartServer
from tests.deploy.own_postgres import OwnPostgres
from tests.ground.supabase import Gateway


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with OwnPostgres() as postgres:
        yield postgres


@pytest.fixture
async def way(postgres: OwnPostgres) -> AsyncIterator[Gateway]:
    async with Gateway(postgres) as gateway:
        yield gateway


@pytest.fixture
async def server(postgres: OwnPostgres, way: Gateway, start_server: StartServer) -> Client:
    # In this order: the way to the database is there until the server has ended.
    return await start_server(
        supabase_url=way.url, supabase_service_key=postgres.service_key, database_url=postgres.database_url
    )


async def test_a_site_is_crawled_and_found(server: Client) -> None:
    crawl = await server.crawl(f"{server.url}/example/webhooks.html", max_pages=3)
    assert (crawl.status, crawl.task["result"]["failed"]) == ("completed", 0)
    assert (await server.one("/search?q=webhook+secret"))["hits"]
    health = (await server.call("GET", "/health/background-tasks")).body
    assert (health["status"], health["dispatcher"].partition(",")[0]) == ("ok", "Procrastinate over PostgreSQL")


def test_the_owner_of_the_tables_is_no_superuser(postgres: OwnPostgres) -> None:
    with postgres.connect() as connection:
        row = connection.execute("select current_user, rolsuper from pg_roles where rolname = current_user").fetchone()
    assert row == ("gleanery", False)


async def test_without_the_service_key_nothing_is_called(postgres: OwnPostgres) -> None:
    url = f"http://127.0.0.1:{postgres.postgrest_port}/rpc/gleanery_health"
    async with aiohttp.ClientSession() as session:
        async with session.post(url, json={"args": {}}) as nobody:
            assert nobody.status in (401, 404)
        headers = {"Authorization": f"Bearer {postgres.service_key}"}
        async with session.post(url, json={"args": {}}, headers=headers) as service:
            assert service.status == 200
