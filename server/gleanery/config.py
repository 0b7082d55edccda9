"""Settings: read once from the environment, checked, frozen. A bad value stops the start and is named.

Every setting is a field here with its meaning as `description`; the README's table is checked against this list.
"""

from __future__ import annotations

import ipaddress
import os
import platform
import re
import sys
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from gleanery.errors import InvalidInput

ENRICH_PARTS = ("context", "code", "source")


class EmbedderKind(StrEnum):
    LOCAL = "local"
    OPENAI = "openai"
    NONE = "none"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/gleanery`, else `~/.local/share/gleanery` (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "gleanery"


OPENAI_URL = "https://api.openai.com/v1"


class Settings(BaseSettings):
    """What the environment may set. Names are `GLEANERY_` and the field's name in capitals unless an alias stands here."""

    model_config = SettingsConfigDict(
        env_prefix="GLEANERY_", frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on. Other than loopback needs API keys.")
    port: int = Field(8181, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    data_dir: Path = Field(default_factory=default_data_dir, description="Folder of everything the server keeps.")
    api_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        (), description="Keys that clients must send, separated by commas. None: local use without keys."
    )
    allow_addresses: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Private addresses or CIDRs that may be fetched all the same, separated by commas."
    )
    embedder: EmbedderKind | None = Field(
        None, description="`local`, `openai` or `none`. Unset: `openai` with an OPENAI_API_KEY, else `local`."
    )
    embedding_model: str = Field("text-embedding-3-small", description="Model asked of the OpenAI API for vectors.")
    embedding_dimensions: int | None = Field(
        None, ge=1, le=16000, description="Vector size asked of the OpenAI API; unset: the model's own."
    )
    embedding_batch_size: int = Field(96, ge=1, le=2048, description="Texts in one request for vectors.")
    embedding_max_tokens: int = Field(
        8191, ge=8, le=1_000_000, description="Tokens of a text that are sent for its vector; the rest is cut off."
    )
    embedding_max_request_tokens: int = Field(
        250_000, ge=8, le=10_000_000, description="Tokens in one request for vectors."
    )
    embedding_concurrency: int = Field(4, ge=1, le=64, description="Requests for vectors at once.")
    embedding_requests_per_minute: int | None = Field(
        None, ge=1, le=1_000_000, description="Most requests for vectors a minute; unset: the server's own limit."
    )
    embedding_tokens_per_minute: int | None = Field(
        None, ge=8, le=1_000_000_000, description="Most tokens for vectors a minute; unset: the server's own limit."
    )
    embedding_timeout_seconds: float = Field(
        60.0, gt=0, le=600, description="Longest that one request for vectors may take."
    )
    embedding_price_per_million: float | None = Field(
        None,
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="US dollars for a million tokens, for estimates where the price isn't known.",
    )
    browser: Path | None = Field(None, description="Chromium to use for rendered pages; unset: one is looked for.")
    browser_pool_size: int = Field(
        5, ge=1, le=64, description="Pages that are parsed at once, each in a browser context of its own."
    )
    parse_cache_seconds: float = Field(
        3600.0, ge=0, le=31_536_000, description="How long a parsed page answers equal requests."
    )
    parse_cache_mb: int = Field(
        512, ge=1, le=1_000_000, description="Room for parsed pages with their screenshots; the oldest go."
    )
    log_level: LogLevel = Field(LogLevel.INFO, description="`debug`, `info`, `warning` or `error`.")
    worker_concurrency: int = Field(
        8, ge=0, le=1000, description="Tasks at once in this process; 0 leaves all to other workers."
    )
    worker_port: int | None = Field(
        None, ge=1, le=65535, description="Port where a worker answers `/health` and `/metrics`; unset: it has none."
    )
    queue_concurrency: Annotated[Mapping[str, int], NoDecode] = Field(
        default_factory=dict,
        description="Tasks of a queue at once, over all workers, as `slow=1,imports=2`. A queue not named has no bound.",
    )
    grace_seconds: float = Field(
        1.0,
        ge=0,
        le=3600,
        description="How long tasks that can't go on where they stop may still run when told to end.",
    )
    lease_seconds: float = Field(30.0, ge=1, le=3600, description="How long a silent worker keeps its task.")
    queue_limit: int = Field(10_000, ge=1, description="Waiting tasks after which new ones are refused with 503.")
    keep_tasks_days: float | None = Field(
        30.0, ge=0, description="Ended tasks are removed after so many days; `none` keeps them."
    )
    keep_events_days: float | None = Field(
        None, ge=0, description="Events of ended tasks are removed after so many days; unset: with their task."
    )
    keep_events: int | None = Field(100_000, ge=100, description="Newest events kept of one task; `none` keeps all.")
    keep_traces_days: float | None = Field(
        None, ge=0, description="Traces are removed so many days after they began; unset: they are kept."
    )
    keep_stories_days: float | None = Field(
        None,
        ge=0,
        description="Stories that are not open any more are removed after so many days; unset: they are kept.",
    )
    keep_reports_days: float | None = Field(
        None, ge=0, description="Compliance reports are removed after so many days; unset: they are kept."
    )
    webhook_secret: SecretStr | None = Field(
        None, description="Signs webhooks, as `whsec_…` (Standard Webhooks). Unset: made once, in the data folder."
    )
    fetch_concurrency: int = Field(8, ge=1, le=64, description="Requests at once to one host.")
    crawl_workers: int = Field(
        4, ge=1, le=100, description="Workers on one crawl at most, where several machines share the store."
    )
    fetch_timeout_seconds: float = Field(30.0, gt=0, le=600, description="Longest that one page may take to fetch.")
    max_page_bytes: int = Field(10 * 1024 * 1024, ge=1024, description="Largest page, after decompression.")
    max_upload_bytes: int = Field(50 * 1024 * 1024, ge=1024, description="Largest file that may be uploaded.")
    max_import_bytes: int = Field(2 * 1024**3, ge=1024, description="Largest exported source that may be imported.")
    robots_patience_seconds: float = Field(
        120.0, ge=0, le=86400, description="How long a crawl waits for a robots.txt that can't be had."
    )
    vanished_grace_days: float = Field(
        3.0, ge=0, le=3650, description="How long a page that a refresh doesn't meet any more is still found."
    )
    keep_generations: int = Field(
        3, ge=1, le=100, description="Newest states of a source that are kept, to go back to or to compare."
    )
    extract_processes: int = Field(
        default_factory=lambda: max(1, min(4, os.cpu_count() or 1)),
        ge=1,
        le=32,
        description="Processes that take HTML apart.",
    )
    extract_timeout_seconds: float = Field(
        20.0, gt=0, le=600, description="Longest that one page may take to be taken apart."
    )
    supabase_url: str | None = Field(
        None,
        alias="SUPABASE_URL",
        description="A Supabase project that keeps everything, instead of a file in the data folder.",
    )
    supabase_service_key: SecretStr | None = Field(
        None, alias="SUPABASE_SERVICE_KEY", description="The project's service key, for the server alone."
    )
    database_url: SecretStr | None = Field(
        None,
        description="Connection to the project's PostgreSQL: for `gleanery migrate`, `move` and `backup`, and to hear of other"
        " processes' work at once.",
    )
    openai_api_key: SecretStr | None = Field(
        None, alias="OPENAI_API_KEY", description="Key of the OpenAI API, as its client reads it."
    )
    openai_base_url: str | None = Field(
        None, alias="OPENAI_BASE_URL", description="Another server that speaks the OpenAI API."
    )

    chat_model: str | None = Field(
        None, description="Chat model for contexts and summaries, over the OpenAI API. Unset: none is asked."
    )
    reranker: str | None = Field(
        None,
        description="Has the best hits looked at again: a folder with a cross-encoder (model.onnx, tokenizer.json), or `chat`.",
    )
    chat_concurrency: int = Field(4, ge=1, le=64, description="Questions to the chat model at once, in each process.")
    chat_timeout_seconds: float = Field(
        60.0, gt=0, le=600, description="Longest that one answer may take; five times as long for agents."
    )
    chat_reasoning_effort: str | None = Field(
        None, description="`reasoning_effort` sent to chat models that think first; unset: none is sent."
    )
    chat_api: Literal["responses", "chat"] | None = Field(
        None,
        description="OpenAI's API that agents use: `responses`, or `chat` (Chat Completions). Unset: the first that the server knows.",
    )
    chat_price_per_million: Annotated[tuple[float, float] | None, NoDecode] = Field(
        None, description="US dollars for a million tokens that agents send and are sent, as `2.5,10`."
    )
    enrich: Annotated[tuple[str, ...], NoDecode] = Field(
        ("context", "code", "source"),
        description="What a chat model adds, separated by commas: `context` of chunks, names of `code`, the `source`'s description.",
    )
    enrich_max_tokens: int | None = Field(
        2_000_000, ge=1, description="Tokens that adding it may cost a task; `none` is no bound."
    )
    grouping_enabled: bool = Field(
        True, description="Whether traces that arrive are grouped; else they are only stored."
    )
    grouping_queue_size: int = Field(
        1000, ge=1, le=100_000, description="Projects and paths with new traces that wait for their grouping at once."
    )
    grouping_timeout_seconds: float = Field(
        300.0, ge=1, le=86_400, description="Longest that one grouping may take; what it has grouped by then stays so."
    )

    shortcut_url: str = Field("https://api.app.shortcut.com/api/v3", description="Where Shortcut's REST API is.")
    shortcut_timeout_seconds: float = Field(
        20.0, gt=0, le=600, description="Longest that one request to Shortcut may take."
    )
    background_processing: bool = Field(
        True,
        alias="USE_BACKGROUND_PROCESSING",
        description="Whether Shortcut's webhooks are answered at once; `false`: when their stories are done.",
    )

    @field_validator("api_keys", "allow_addresses", "enrich", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("chat_price_per_million", mode="before")
    @classmethod
    def _prices(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            prompt, completion = (float(part) for part in value.split(","))
        except ValueError:
            raise ValueError(f"{value!r} is not two prices such as 2.5,10") from None
        if not (0 <= prompt <= 1_000_000 and 0 <= completion <= 1_000_000):
            raise ValueError(f"{value!r} has a price that is no price")
        return prompt, completion

    @field_validator("queue_concurrency", mode="before")
    @classmethod
    def _limits(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        for name, _, number in pairs:
            if not name.strip() or not number.strip().isascii() or not number.strip().isdigit() or int(number) < 1:
                raise ValueError(f"{name.strip()}={number.strip()} is not a queue with a number from 1, such as slow=1")
        return {name.strip(): int(number) for name, _, number in pairs}

    @field_validator(
        "keep_tasks_days",
        "keep_events_days",
        "keep_events",
        "keep_traces_days",
        "keep_stories_days",
        "keep_reports_days",
        "enrich_max_tokens",
        mode="before",
    )
    @classmethod
    def _none(cls, value: Any) -> Any:
        return None if value == "none" else value

    @field_validator("enrich")
    @classmethod
    def _parts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            if text not in ENRICH_PARTS:
                raise ValueError(f"{text!r} is none of {', '.join(ENRICH_PARTS)}")
        return value

    @field_validator("allow_addresses")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                raise ValueError(f"{text!r} is neither an address nor a CIDR") from None
        return value

    @field_validator("database_url")
    @classmethod
    def _connection(cls, value: SecretStr | None) -> SecretStr | None:
        """What is wrong with it is not repeated: that may be a part of the password."""
        if value is not None and not _is_connection(value.get_secret_value()):
            raise ValueError(
                "is not a URL such as postgresql://user:password@host:5432/database, in which %, /, @, : and ? of the password"
                " are written as %25, %2F, %40, %3A and %3F"
            )
        return value

    @model_validator(mode="after")
    def _keys_off_loopback(self) -> Settings:
        if not self.api_keys and not is_loopback(self.host):
            raise ValueError(
                f"listening on {self.host} needs GLEANERY_API_KEYS; without keys only a loopback address is allowed"
            )
        if (self.supabase_url is None) != (self.supabase_service_key is None):
            raise ValueError("SUPABASE_URL and SUPABASE_SERVICE_KEY go together: set both, or neither")
        if self.supabase_url is not None and not self.supabase_url.startswith(("https://", "http://")):
            raise ValueError("SUPABASE_URL must begin with https:// (or http:// for one on this machine)")
        if self.reranker == "chat" and self.chat_model is None:
            raise ValueError("GLEANERY_RERANKER=chat needs GLEANERY_CHAT_MODEL")
        if self.embedder is EmbedderKind.OPENAI and self.openai_api_key is None and self.openai_base_url is None:
            raise ValueError(
                "GLEANERY_EMBEDDER=openai needs OPENAI_API_KEY (or OPENAI_BASE_URL for a server without keys)"
            )
        return self

    @property
    def embedder_kind(self) -> EmbedderKind:
        if self.embedder is not None:
            return self.embedder
        return EmbedderKind.OPENAI if self.openai_api_key is not None else EmbedderKind.LOCAL

    @property
    def model_dir(self) -> Path:
        """Where the local embedder's model is: in the data directory, else where set-up built it for this environment."""
        own = self.data_dir / "models" / "all-MiniLM-L6-v2"
        return own if own.is_dir() else Path(sys.prefix) / "share" / "gleanery" / "models" / "all-MiniLM-L6-v2"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server that listens on `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_connection(url: str) -> bool:
    """Whether libpq reads it, and as it was meant: a password with @ or / as it is would end in a host's or a database's
    name, and one without a host in a port, which errors then tell.
    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS"""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    if (found := re.match(r"postgres(?:ql)?://([^/]*)([^?]*)", url)) is None:
        return False
    place, path = found.groups()
    try:
        ports = str(conninfo_to_dict(url).get("port", "")).split(",")
    except ProgrammingError:
        return False
    return place.count("@") <= 1 and "@" not in path and all(port == "" or _is_port(port) for port in ports)


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and 0 < int(text) < 65536


def env_name(field: str) -> str:
    """The environment variable of a field of Settings."""
    info = Settings.model_fields.get(field)
    return (info.alias if info is not None and info.alias else None) or f"GLEANERY_{field.upper()}"


def load(**flags: Any) -> Settings:
    """Settings from the environment, with flags (those not None) over them. Raises InvalidInput naming the variable."""
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = env_name(str(first["loc"][0])) if first["loc"] else "settings"
        raise InvalidInput(name, str(first["msg"]).removeprefix("Value error, ")) from None


def user_agent(version: str) -> str:
    """The honest name under which we ask sites. It names the system, since the browser tells `Sec-CH-UA-Platform` by it."""
    python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    return f"gleanery/{version} (+https://github.com/gleanery/gleanery; {python}; {platform.system()})"
