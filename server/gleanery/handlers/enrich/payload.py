"""What an `enrich_source` task is asked for."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from gleanery.agents.enrich import EnrichPart


class EnrichSourcePayload(BaseModel):
    """`parts` empty: those that the server's settings name. `max_tokens` None: as many as they allow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_id: str
    parts: tuple[EnrichPart, ...] = Field(default=(), max_length=len(EnrichPart))
    max_tokens: int | None = Field(default=None, ge=1)
