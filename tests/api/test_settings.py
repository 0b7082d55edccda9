"""`/settings`: what the server was started with, and no secret of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gleanery.config import Settings, env_name
from tests.conftest import StartServer

KEYS = ("first-secret-key", "second-secret-key")
OPENAI_KEY = "sk-very-secret"
SIGNING_KEY = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"
DATABASE_URL = "postgresql://user:very-secret-password@db.example/postgres"
SECRETS = (*KEYS, OPENAI_KEY, SIGNING_KEY, "hidden-user", "hidden-password", "very-secret-password")


async def test_every_setting_is_told_as_it_holds(start_server: StartServer, tmp_path: Path) -> None:
    client = await start_server(queue_concurrency="slow=1,imports=2", keep_tasks_days=7)
    items = (await client.one("/settings"))["items"]
    assert [(item["name"], item["variable"]) for item in items] == [
        (name, env_name(name)) for name in Settings.model_fields
    ]
    by_name = {item["name"]: item for item in items}

    def told(name: str) -> tuple[str | None, str | None, bool]:
        return by_name[name]["value"], by_name[name]["default"], by_name[name]["is_set"]

    assert told("port") == ("0", "8181", True)
    assert told("data_dir")[0] == str(tmp_path / "data")
    assert told("queue_concurrency") == ("slow=1,imports=2", None, True)
    assert told("keep_tasks_days") == ("7.0", "30.0", True)
    assert told("log_level") == ("info", "info", False)
    assert told("enrich") == ("context,code,source", "context,code,source", False)
    assert told("chat_model") == (None, None, False)
    assert all(item["description"] for item in items)


async def test_no_secret_leaves(start_server: StartServer) -> None:
    client = await start_server(
        api_keys=",".join(KEYS),
        openai_api_key=OPENAI_KEY,
        webhook_secret=SIGNING_KEY,
        openai_base_url="https://hidden-user:hidden-password@models.example/v1",
        database_url=DATABASE_URL,
    )
    assert (await client.get("/settings")).status == 401
    reply = await client.get("/settings", headers={"X-API-Key": KEYS[0]})
    assert [secret for secret in SECRETS if secret in str(reply.body)] == []
    secret = {item["name"]: item for item in reply.body["items"] if item["is_secret"]}
    assert {name: item["is_set"] for name, item in secret.items()} == {
        "api_keys": True,
        "webhook_secret": True,
        "openai_api_key": True,
        "database_url": True,
        "supabase_service_key": False,
    }
    assert {(item["value"], item["default"]) for item in secret.values()} == {(None, None)}
    [url] = [item["value"] for item in reply.body["items"] if item["name"] == "openai_base_url"]
    assert url == "https://…@models.example/v1"


async def test_a_connection_without_its_project_is_told_to_be_unused(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    await start_server(database_url=DATABASE_URL)
    (told,) = (record for record in caplog.records if record.message == "connection to PostgreSQL not used")
    assert (told.levelname, vars(told)["reason"]) == (
        "WARNING",
        "GLEANERY_DATABASE_URL is set and SUPABASE_URL is not: everything is kept in the data folder",
    )


async def test_without_a_connection_nothing_is_told_of_it(
    start_server: StartServer, caplog: pytest.LogCaptureFixture
) -> None:
    await start_server()
    assert [record for record in caplog.records if "PostgreSQL" in record.getMessage()] == []
