"""The JSON shapes of saved queries and evaluations, as objects and as JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidationError

from gleanery import errors
from gleanery.api.wire import Request, Shape
from gleanery.store.saved_queries import (
    MAX_EXPECTED,
    MAX_QUERIES,
    Evaluation,
    Figures,
    NewQuery,
    QueryResult,
    SavedQuery,
    is_page_name,
)


def _page_name(text: str) -> str:
    if not is_page_name(text):
        raise ValueError("must be an http(s) URL, or a path that begins with /")
    return text


PageName = Annotated[
    str, StringConstraints(min_length=1, max_length=2048, strip_whitespace=True), AfterValidator(_page_name)
]
Filter = Annotated[str, StringConstraints(min_length=1, max_length=512, strip_whitespace=True)]


class QueryFilters(Request):
    """How a saved query is searched; a filter that is missing takes all."""

    mode: Literal["hybrid", "vector", "keyword"] | None = None
    language: Filter | None = Field(None, description="Only pages in this language.")
    path_prefix: Filter | None = Field(None, description="Only pages whose path begins so.")
    version: Filter | None = Field(None, description="Only pages of this version.")


class SavedQueryRequest(Request):
    query: Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
    expected: list[PageName] = Field(
        min_length=1,
        max_length=MAX_EXPECTED,
        description="The pages that it should find: URLs, or paths of the source.",
    )
    filters: QueryFilters = Field(default_factory=lambda: QueryFilters.model_validate({}))

    def as_new(self) -> NewQuery:
        return NewQuery(self.query, tuple(self.expected), self.filters.model_dump(exclude_none=True))


class EvaluateRequest(Request):
    generation: int | None = Field(
        None, ge=1, le=2**53, description="The generation that is searched; by default the visible one."
    )
    queries: list[SavedQueryRequest] | None = Field(
        None, min_length=1, max_length=MAX_QUERIES, description="Run these instead of the saved ones, and keep nothing."
    )


class SavedQueryShape(Shape):
    query_id: str
    source_id: str
    query: str
    expected: list[str]
    filters: dict[str, Any]
    created_at: datetime
    updated_at: datetime


class SavedQueryPage(Shape):
    items: list[SavedQueryShape]
    next_cursor: str | None


class SavedQueriesImported(Shape):
    source_id: str
    imported: int = Field(description="Lines that were taken; one with the text of a known query takes its place.")


class QueryResultShape(Shape):
    query_id: str
    query: str
    expected: list[str]
    rank: int | None = Field(description="Of the first expected page among the first ten; None when none was.")
    reciprocal_rank: float
    recall_at_5: float = Field(description="Share of the expected pages among the first five.")
    recall_at_10: float
    ahead: list[str] = Field(description="Pages that came before it, at most five.")
    unknown: list[str] = Field(description="Expected pages that the source doesn't have.")
    error: str | None = Field(description="Why it could not be run; it counts in no figure then.")


class EvaluationSummary(Shape):
    evaluation_id: str | None = Field(description="None for one that was not kept.")
    source_id: str
    generation: int
    task_id: str | None = Field(description="The refresh that asked for it.")
    at: datetime
    queries: int = Field(description="How many could be run.")
    recall_at_5: float
    recall_at_10: float
    mrr: float = Field(description="Mean reciprocal rank of the first expected page, among ten.")


class EvaluationShape(EvaluationSummary):
    results: list[QueryResultShape]


class EvaluationPage(Shape):
    items: list[EvaluationSummary]
    next_cursor: str | None


def read_lines(body: bytes) -> Iterator[SavedQueryRequest]:
    """The queries of JSON lines, blank ones passed over. Raises BadRequest for what is no JSON, InvalidInput for a wrong
    field; both name the line."""
    try:
        lines = body.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise errors.BadRequest(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield SavedQueryRequest.model_validate(json.loads(line))
        except ValidationError as error:
            first = error.errors()[0]
            reason = "unknown field" if first["type"] == "extra_forbidden" else first["msg"]
            raise errors.InvalidInput(".".join(map(str, (f"line {number}", *first["loc"]))), reason) from None
        except (ValueError, RecursionError) as error:
            raise errors.BadRequest(f"Line {number} is not JSON: {error}.", line=number) from None


def line_of(query: SavedQuery) -> dict[str, Any]:
    """A saved query as a line that `read_lines` takes."""
    filters = {"filters": dict(query.filters)} if query.filters else {}
    return {"query": query.query, "expected": list(query.expected), **filters}


def of_query(query: SavedQuery) -> SavedQueryShape:
    return SavedQueryShape(
        query_id=query.query_id,
        source_id=query.source_id,
        query=query.query,
        expected=list(query.expected),
        filters=dict(query.filters),
        created_at=query.created_at,
        updated_at=query.updated_at,
    )


def of_evaluation(evaluation: Evaluation) -> EvaluationShape:
    results = [of_result(result) for result in evaluation.figures.results]
    return EvaluationShape(**of_summary(evaluation), results=results)


def of_result(result: QueryResult) -> QueryResultShape:
    return QueryResultShape(
        query_id=result.query_id,
        query=result.query,
        expected=list(result.expected),
        rank=result.rank,
        reciprocal_rank=result.reciprocal_rank,
        recall_at_5=result.recall_at_5,
        recall_at_10=result.recall_at_10,
        ahead=list(result.ahead),
        unknown=list(result.unknown),
        error=result.error,
    )


def of_summary(evaluation: Evaluation) -> dict[str, Any]:
    figures: Figures = evaluation.figures
    return {
        "evaluation_id": evaluation.evaluation_id,
        "source_id": evaluation.source_id,
        "generation": evaluation.generation,
        "task_id": evaluation.task_id,
        "at": evaluation.at,
        "queries": figures.queries,
        "recall_at_5": figures.recall_at_5,
        "recall_at_10": figures.recall_at_10,
        "mrr": figures.mrr,
    }
