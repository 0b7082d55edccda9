"""What every JSON shape that passes the doors is made of. The OpenAPI document and the UI's types come from these models.

Requests refuse fields they don't know. Times are ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=100_000)


class Shape(BaseModel):
    """What the server says: every field is always there."""

    model_config = ConfigDict(frozen=True, json_schema_serialization_defaults_required=True)


class ErrorBody(Shape):
    code: str = Field(description="Stable and machine-readable.")
    message: str = Field(description="One sentence for people.")
    details: dict[str, Any] = Field(default_factory=dict, description="Facts; `field` and `reason` for a wrong field.")


class ErrorReply(Shape):
    error: ErrorBody
