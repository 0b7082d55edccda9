"""Settings: what the environment says, what flags say over it, and how a bad value is named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gleanery.config import (
    EmbedderKind,
    LogLevel,
    Settings,
    default_data_dir,
    env_name,
    is_loopback,
    load,
    user_agent,
)
from gleanery.errors import InvalidInput


def refused(**flags: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        load(**flags)
    return caught.value


def test_the_defaults_are_local_and_need_nothing() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.api_keys, settings.allow_addresses) == ("127.0.0.1", 8181, (), ())
    assert (settings.embedder_kind, settings.log_level) == (EmbedderKind.LOCAL, LogLevel.INFO)
    assert (settings.worker_concurrency, settings.lease_seconds) == (8, 30.0)
    assert settings.browser_pool_size < settings.worker_concurrency, "parses leave room for others"


def test_the_environment_sets_and_flags_override(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = {
        "GLEANERY_HOST": "::1",
        "GLEANERY_PORT": "0",
        "GLEANERY_DATA_DIR": str(tmp_path),
        "GLEANERY_API_KEYS": " one, two ,,",
        "GLEANERY_ALLOW_ADDRESSES": "10.0.0.0/8, ::1 ,192.168.1.7",
        "GLEANERY_LOG_LEVEL": "debug",
        "GLEANERY_WORKER_CONCURRENCY": "0",
        "GLEANERY_LEASE_SECONDS": "12.5",
        "GLEANERY_EMBEDDER": "",
        "GLEANERY_BROWSER": "/usr/bin/chromium",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "GLEANERY_NO_SUCH_THING": "is no error",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    settings = load(port=9000, host=None)
    assert (settings.host, settings.port, settings.data_dir) == ("::1", 9000, tmp_path)
    assert [key.get_secret_value() for key in settings.api_keys] == ["one", "two"]
    assert settings.allow_addresses == ("10.0.0.0/8", "::1", "192.168.1.7")
    assert (settings.log_level, settings.worker_concurrency, settings.lease_seconds) == (LogLevel.DEBUG, 0, 12.5)
    assert (settings.embedder_kind, settings.browser) == (EmbedderKind.LOCAL, Path("/usr/bin/chromium"))
    assert settings.openai_base_url == "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("GLEANERY_PORT", "http", "valid integer"),
        ("GLEANERY_PORT", "65536", "65535"),
        ("GLEANERY_PORT", "-1", "0"),
        ("GLEANERY_EMBEDDER", "locale", "'local', 'openai' or 'none'"),
        ("GLEANERY_LOG_LEVEL", "loud", "'debug'"),
        ("GLEANERY_WORKER_CONCURRENCY", "1001", "1000"),
        ("GLEANERY_QUEUE_CONCURRENCY", "slow", "slow="),
        ("GLEANERY_QUEUE_CONCURRENCY", "slow=0", "a number from 1"),
        ("GLEANERY_QUEUE_CONCURRENCY", "=2", "a queue"),
        ("GLEANERY_KEEP_TASKS_DAYS", "-1", "0"),
        ("GLEANERY_KEEP_EVENTS", "99", "100"),
        ("GLEANERY_LEASE_SECONDS", "0", "1"),
        ("GLEANERY_LEASE_SECONDS", "nan", "3600"),
        ("GLEANERY_QUEUE_LIMIT", "0", "1"),
        ("GLEANERY_ALLOW_ADDRESSES", "127.0.0.1,localhost", "'localhost' is neither an address nor a CIDR"),
        ("GLEANERY_MAX_PAGE_BYTES", "10MB", "valid integer"),
        ("GLEANERY_FETCH_TIMEOUT_SECONDS", "0", "0"),
    ],
)
def test_a_bad_value_is_named_with_its_reason(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, reason: str
) -> None:
    monkeypatch.setenv(name, value)
    error = refused()
    assert error.field == name
    assert reason in error.reason


def test_bounds_of_queues_and_what_is_kept_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLEANERY_QUEUE_CONCURRENCY", "slow=1, imports = 20,")
    monkeypatch.setenv("GLEANERY_KEEP_TASKS_DAYS", "none")
    monkeypatch.setenv("GLEANERY_KEEP_EVENTS", "none")
    settings = load()
    assert settings.queue_concurrency == {"slow": 1, "imports": 20}
    assert (settings.keep_tasks_days, settings.keep_events_days, settings.keep_events) == (None, None, None)


def test_prices_of_agents_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().chat_price_per_million is None
    monkeypatch.setenv("GLEANERY_CHAT_PRICE_PER_MILLION", "2.5, 10")
    assert load().chat_price_per_million == (2.5, 10.0)
    for wrong in ("2.5", "1,2,3", "a,b", "-1,2", "nan,1", "1,inf"):
        assert refused(chat_price_per_million=wrong).field == "GLEANERY_CHAT_PRICE_PER_MILLION"


def test_agents_ask_by_one_of_two_apis() -> None:
    assert [load(chat_api=api).chat_api for api in (None, "responses", "chat")] == [None, "responses", "chat"]
    assert refused(chat_api="completions").field == "GLEANERY_CHAT_API"


def test_a_bad_flag_is_named_by_its_variable() -> None:
    assert refused(port=70_000).field == "GLEANERY_PORT"
    assert refused(openai_base_url=7).field == "OPENAI_BASE_URL"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_without_keys_only_a_loopback_address_is_listened_on(host: str) -> None:
    assert "GLEANERY_API_KEYS" in refused(host=host).reason
    assert load(host=host, api_keys="secret").host == host


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *[(host, True) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")],
        *[(host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.example", "")],
    ],
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


def test_a_key_switches_the_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "OPENAI_API_KEY" in refused(embedder="openai").reason
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert load().embedder_kind is EmbedderKind.OPENAI
    assert load(embedder="local").embedder_kind is EmbedderKind.LOCAL
    assert load(embedder="none").embedder_kind is EmbedderKind.NONE
    monkeypatch.delenv("OPENAI_API_KEY")
    assert load(embedder="openai", openai_base_url="http://127.0.0.1:1").embedder_kind is EmbedderKind.OPENAI


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    settings = load(api_keys="hidden-key")
    for text in (repr(settings), str(settings), settings.model_dump_json()):
        assert "sk-secret" not in text
        assert "hidden-key" not in text
    assert "hidden-key" not in str(refused(api_keys="hidden-key", port=-1))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://gleanery:p%40ss@postgres:5432/gleanery",
        "postgres://postgres.abc:word@aws-0-eu.pooler.supabase.com:5432/postgres?sslmode=require",
        "postgresql://postgres:@/postgres?host=/run/postgresql",
        "postgresql://[::1]:5432/gleanery",
        "postgresql://one:5432,two:5433/gleanery",
        "postgresql:///gleanery",
    ],
)
def test_a_connection_to_postgresql_is_a_url(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GLEANERY_DATABASE_URL", url)
    kept = load().database_url
    assert kept is not None
    assert kept.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "hunter2",
        "host=db.example password=hunter2",
        "mysql://user:hunter2@db.example/x",
        "postgresql//user:hunter2@db.example/x",
        "postgresql://user:hunter2%zz@db.example/x",
        "postgresql://user:hunter2@[::1/x",
        "postgresql://user:hunter2@db.example/x?no-such-option=1",
        "postgresql://user:hunter2@rest@db.example/x",
        "postgresql://user:hunter2/rest@db.example:5432/x",
        "postgresql://user:12/hunter2@db.example:5432/x",
        "postgresql://user:rest?hunter@2@db.example/hunter2",
        "postgresql://user:hunter2",
        "postgresql://user:hunter2@db.example:54321000/x",
    ],
)
def test_a_connection_that_is_none_is_named_and_not_repeated(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GLEANERY_DATABASE_URL", url)
    error = refused()
    assert error.field == "GLEANERY_DATABASE_URL"
    assert "postgresql://user:password@host:5432/database" in error.reason
    assert "hunter2" not in str(error)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        load().port = 1


def test_data_goes_where_the_desktop_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    for base, expected in (
        ("/srv/data", "/srv/data/gleanery"),
        ("relative/is/ignored", "/home/somebody/.local/share/gleanery"),
        ("", "/home/somebody/.local/share/gleanery"),
    ):
        monkeypatch.setenv("XDG_DATA_HOME", base)
        assert default_data_dir() == Path(expected)


def test_a_model_of_ones_own_goes_before_the_built_one(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path)
    assert settings.model_dir == Path(sys.prefix) / "share" / "gleanery" / "models" / "all-MiniLM-L6-v2"
    own = tmp_path / "models" / "all-MiniLM-L6-v2"
    own.mkdir(parents=True)
    assert settings.model_dir == own


def test_every_setting_has_a_name_and_a_meaning() -> None:
    names = {env_name(field) for field in Settings.model_fields}
    assert {"GLEANERY_DATA_DIR", "GLEANERY_API_KEYS", "OPENAI_API_KEY", "OPENAI_BASE_URL"} <= names
    assert len(names) == len(Settings.model_fields)
    assert all(info.description for info in Settings.model_fields.values())


def test_we_say_honestly_who_asks() -> None:
    assert user_agent("1.2.3").startswith("gleanery/1.2.3 (+https://")
