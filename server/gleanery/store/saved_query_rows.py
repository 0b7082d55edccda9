"""Rows of saved queries and evaluations as values, and values as rows: the same for every store."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gleanery.model import new_id
from gleanery.store.crawl_rows import Row
from gleanery.store.rows import certain_time, compact
from gleanery.store.saved_queries import Evaluation, Figures, NewQuery, PageKey, QueryResult, SavedQuery, page_key

KEPT_EVALUATIONS = 1_000
"""Of one source: three years of nights."""


def query_from(row: Row) -> SavedQuery:
    return SavedQuery(
        query_id=row["query_id"],
        source_id=row["source_id"],
        query=row["query"],
        expected=tuple(json.loads(row["expected"])),
        filters=json.loads(row["filters"]),
        created_at=certain_time(row["created_at"]),
        updated_at=certain_time(row["updated_at"]),
    )


def new_query_row(query: NewQuery) -> dict[str, Any]:
    return {"query_id": new_id("sq"), **query_row(query)}


def query_row(query: NewQuery) -> dict[str, Any]:
    return {"query": query.query, "expected": compact(query.expected), "filters": compact(dict(query.filters))}


def evaluation_from(row: Row, results: Sequence[Mapping[str, Any]] = ()) -> Evaluation:
    return Evaluation(
        evaluation_id=row["evaluation_id"],
        source_id=row["source_id"],
        generation=row["generation"],
        task_id=row["task_id"],
        at=certain_time(row["at"]),
        figures=Figures(
            queries=row["queries"],
            recall_at_5=row["recall_at_5"],
            recall_at_10=row["recall_at_10"],
            mrr=row["mrr"],
            results=tuple(map(_result, results)),
        ),
    )


def whole_evaluation_from(row: Row) -> Evaluation:
    return evaluation_from(row, json.loads(row["details"]))


def _result(kept: Mapping[str, Any]) -> QueryResult:
    lists = {name: tuple(kept[name]) for name in ("expected", "ahead", "unknown")}
    return QueryResult(**{**kept, **lists})


def evaluation_row(evaluation: Evaluation) -> dict[str, Any]:
    figures = evaluation.figures
    return {
        "evaluation_id": evaluation.evaluation_id,
        "source_id": evaluation.source_id,
        "generation": evaluation.generation,
        "task_id": evaluation.task_id,
        "at": evaluation.at.timestamp(),
        "queries": figures.queries,
        "recall_at_5": figures.recall_at_5,
        "recall_at_10": figures.recall_at_10,
        "mrr": figures.mrr,
        "details": compact([asdict(result) for result in figures.results]),
    }


class Unmet:
    """Which of the expected pages have not been met yet among the URLs of a generation."""

    def __init__(self, expected: Sequence[str]) -> None:
        self._keys: Mapping[str, PageKey] = {name: page_key(name) for name in expected}
        self._wanted = {_sought(key) for key in self._keys.values()}

    def __bool__(self) -> bool:
        return bool(self._wanted)

    def meet(self, urls: Iterable[str]) -> None:
        for url in urls:
            page = page_key(url)
            self._wanted -= {page.place, page.path}
            if not self._wanted:
                break

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for name, key in self._keys.items() if _sought(key) in self._wanted)


def _sought(key: PageKey) -> str:
    return key.place or key.path
