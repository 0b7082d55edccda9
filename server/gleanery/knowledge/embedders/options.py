"""`EmbedderOptions`: which model makes the vectors, where, and within which limits."""

from __future__ import annotations

from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gleanery.config import EmbedderKind, Settings
from gleanery.knowledge import minilm

OPENAI_HOST = "api.openai.com"
DEFAULT_MODEL = "text-embedding-3-small"


class EmbedderOptions(BaseModel):
    """An embedder as it is asked for, by the environment or at run time. Its key is not among this: keys come from the
    environment alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    kind: EmbedderKind = Field(description="`local`, `openai` (any server that speaks its API) or `none`.")
    model: str = Field(
        default="", max_length=200, pattern=r"^[\w./:@+ -]*$", description="Empty: the kind's usual one."
    )
    dimensions: int | None = Field(
        default=None, ge=1, le=16000, description="Vector size to ask for; null: the model's own."
    )
    base_url: str | None = Field(default=None, max_length=2048, description="Where the API is; null: OpenAI itself.")
    batch_size: int = Field(default=96, ge=1, le=2048, description="Texts in one request.")
    max_tokens: int = Field(
        default=8191, ge=8, le=1_000_000, description="Tokens of a text that are sent; the rest is cut off."
    )
    max_request_tokens: int = Field(default=250_000, ge=8, le=10_000_000, description="Tokens in one request.")
    concurrency: int = Field(default=4, ge=1, le=64, description="Requests at once.")
    requests_per_minute: int | None = Field(
        default=None, ge=1, le=1_000_000, description="Null: no limit but the server's."
    )
    tokens_per_minute: int | None = Field(
        default=None, ge=8, le=1_000_000_000, description="Null: no limit but the server's."
    )
    timeout_seconds: float = Field(default=60.0, gt=0, le=600, description="Longest that one request may take.")
    price_per_million: float | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="US dollars for a million tokens, for estimates.",
    )

    @field_validator("base_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if not value:
            return None
        parts = urlsplit(value)  # ValueError for a broken one, which pydantic tells as it is
        if (
            parts.scheme not in ("http", "https")
            or not parts.hostname
            or parts.username
            or parts.query
            or parts.fragment
        ):
            raise ValueError("must be like https://host/v1, without user, query or fragment")
        _ = parts.port  # ValueError for one that is no port
        return value.rstrip("/")

    @model_validator(mode="before")
    @classmethod
    def _usual_model(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("model"):
            usual = {"local": minilm.MODEL_NAME, "openai": DEFAULT_MODEL}.get(str(values.get("kind")), "")
            return {**values, "model": usual}
        return values

    @model_validator(mode="after")
    def _one_local_model(self) -> Self:
        if self.kind is EmbedderKind.LOCAL and self.model != minilm.MODEL_NAME:
            raise ValueError(f"there is one local model, {minilm.MODEL_NAME}")
        return self

    @property
    def name(self) -> str:
        """The identity of its vectors. Another server may serve another model under the same name, so it is part of it."""
        if self.kind is EmbedderKind.NONE:
            return "none"
        if self.kind is EmbedderKind.LOCAL:
            return f"local:{self.model}"
        size = "" if self.dimensions is None else f"/{self.dimensions}"
        return f"openai:{self.model}{size}" + ("" if self.is_at_openai else f"@{self.host}")

    @property
    def host(self) -> str:
        """Whom requests go to: host, and port where it isn't the scheme's own."""
        return host_of(self.base_url)

    @property
    def is_at_openai(self) -> bool:
        return self.host == OPENAI_HOST

    @property
    def request_tokens(self) -> int:
        """The tokens of one request: no more than a quarter of what a minute allows, so that a minute is never overdrawn."""
        if self.tokens_per_minute is None:
            return self.max_request_tokens
        return max(1, min(self.max_request_tokens, self.tokens_per_minute // 4))


def host_of(base_url: str | None) -> str:
    """The host, with a port that isn't the scheme's own, of a base URL; OpenAI's for None."""
    return urlsplit(base_url).netloc.lower() if base_url else OPENAI_HOST


def options_of(settings: Settings) -> EmbedderOptions:
    """What the environment asks for. A setting `embedding_x` is the option `x`."""
    kind = settings.embedder_kind
    if kind is not EmbedderKind.OPENAI:
        return EmbedderOptions(kind=kind)
    given = {
        name: getattr(settings, f"embedding_{name}")
        for name in EmbedderOptions.model_fields
        if f"embedding_{name}" in Settings.model_fields
    }
    return EmbedderOptions.model_validate({"kind": kind, "base_url": settings.openai_base_url, **given})
