"""Saved queries of a source, what they gave when they were run, and the contract of the store that keeps both."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

MAX_QUERIES = 500
"""Of one source: running them all takes less than a minute."""
MAX_EXPECTED = 20

_ESCAPE = re.compile(r"%([0-9a-f]{2})", re.IGNORECASE)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_INDEX_FILE = re.compile(r"/index\.x?html?$")
_RESERVED = "!#$%&'()*+,/:;=?@[]~"
_ROUTE = re.compile(r"!?/[^?#]+")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True)
class SavedQuery:
    """A query whose answer is known: `expected` names the pages that it should find, as URLs or as paths of the source.

    `filters` are those of search, by their names there.
    """

    query_id: str
    source_id: str
    query: str
    expected: tuple[str, ...]
    filters: Mapping[str, Any]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class QueryResult:
    """What a saved query gave. `rank` is that of the first expected page among the first ten pages, from 1; None: none was.

    `ahead` are the pages that came before it (at most five); `unknown` the expected ones that the source doesn't have. With
    an `error` the query could not be run, and counts in no figure.
    """

    query_id: str
    query: str
    expected: tuple[str, ...]
    rank: int | None
    recall_at_5: float
    recall_at_10: float
    ahead: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    error: str | None = None

    @property
    def reciprocal_rank(self) -> float:
        return 1.0 / self.rank if self.rank else 0.0


@dataclass(frozen=True)
class Figures:
    """Means over the queries that could be run, each 0 to 1; `queries` counts them."""

    queries: int
    recall_at_5: float
    recall_at_10: float
    mrr: float
    results: tuple[QueryResult, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The figures of a generation as they were at a time; `task_id` is the refresh that asked for them."""

    evaluation_id: str
    source_id: str
    generation: int
    task_id: str | None
    at: datetime
    figures: Figures = field(default_factory=lambda: Figures(0, 0.0, 0.0, 0.0))


@dataclass(frozen=True)
class NewQuery:
    """A saved query to be."""

    query: str
    expected: tuple[str, ...]
    filters: Mapping[str, Any] = field(default_factory=dict)


class SavedQueryStore(Protocol):
    """Saved queries and evaluations of sources. All raise NotFound for an unknown source."""

    async def queries(
        self, source_id: str, *, after: tuple[float, str] | None = None, limit: int = MAX_QUERIES
    ) -> Sequence[SavedQuery]:
        """Oldest first; `after` is the time and id of the last one seen."""
        ...

    async def put(self, source_id: str, queries: Sequence[NewQuery]) -> Sequence[SavedQuery]:
        """Keep them all, or none; one with the text of a known one takes its place under the same id. Raises WrongState when
        the source would have more than MAX_QUERIES."""
        ...

    async def change(self, source_id: str, query_id: str, query: NewQuery) -> SavedQuery:
        """Raises NotFound, and WrongState when another one has that text."""
        ...

    async def delete(self, source_id: str, query_id: str) -> None:
        """Raises NotFound."""
        ...

    async def visible_generation(self, source_id: str) -> int:
        """The number of the generation that search answers from."""
        ...

    async def unknown(self, source_id: str, generation: int, expected: Sequence[str]) -> frozenset[str]:
        """Those of the expected pages that the generation doesn't have."""
        ...

    async def keep(self, evaluation: Evaluation) -> None: ...

    async def evaluations(
        self, source_id: str, *, before: tuple[float, str] | None, limit: int
    ) -> Sequence[Evaluation]:
        """Newest first, without the results of their queries; `before` is the time and id of the last one seen."""
        ...

    async def evaluation(self, source_id: str, evaluation_id: str) -> Evaluation:
        """With the results of its queries. Raises NotFound."""
        ...


@dataclass(frozen=True)
class PageKey:
    """What names a page when saved queries are scored: `place` is host and path, `path` the path alone."""

    place: str
    path: str


def page_key(url: str) -> PageKey:
    """Two URLs with equal keys are the same page here, whatever their scheme, the case of their host, their fragment
    (but for a client route), a trailing slash, or index.html. Of a path, `place` is empty.

    Never raises: what is no URL is a key that no page has.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").rstrip(".")
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return PageKey("", url)
    path = _INDEX_FILE.sub("/", _escaped(parts.path)).rstrip("/") or "/"
    query = f"?{_escaped(parts.query)}" if parts.query else ""
    route = _ROUTE.match(parts.fragment)
    local = f"{path}{query}#{route[0].lstrip('!')}" if route else f"{path}{query}"
    if not host:
        return PageKey("", local)
    return PageKey(f"{host}{'' if port == _DEFAULT_PORTS.get(parts.scheme) else port}{local}", local)


def is_page_name(text: str) -> bool:
    """Whether a text can name an expected page: an http(s) URL, or a path that begins with a slash."""
    if not text.startswith(("http://", "https://")):
        return text.startswith("/") and not text.startswith("//")
    return bool(page_key(text).place)


def _escaped(text: str) -> str:
    return _ESCAPE.sub(_normal_escape, quote(text, safe=_RESERVED))


def _normal_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()
