"""A route with what OpenAPI says of it. Each resource module gives a list of these; nothing else describes the API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel

from gleanery.api.http import Handler


@dataclass(frozen=True)
class Query:
    """A parameter of the query string."""

    name: str
    description: str
    kind: str = "string"
    values: Sequence[str] = ()


@dataclass(frozen=True)
class Route:
    """`path` in aiohttp's form; `reply` None means no body; `errors` are the statuses beside 401, 422 and 500."""

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    reply: type[BaseModel] | None
    body: type[BaseModel] | None = None
    status: int = 200
    query: Sequence[Query] = ()
    errors: Sequence[int] = field(default=())
    is_idempotent: bool = False


LIMIT = Query("limit", "Most rows of a page, 1 to 500.", "integer")
CURSOR = Query("cursor", "`next_cursor` of the page before.")
PAGED = (LIMIT, CURSOR)
