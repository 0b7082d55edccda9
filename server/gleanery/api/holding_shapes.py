"""The JSON shapes of what a source holds: its tree of pages, its storage, and what its vectors took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import Field

from gleanery import model
from gleanery.api import present
from gleanery.api.source_shapes import PageSummary
from gleanery.api.wire import Shape
from gleanery.knowledge.embedders import pricing
from gleanery.knowledge.embedders.options import EmbedderOptions
from gleanery.store.holdings import Branch, Embedding, Folder, Held, Storage


class FolderShape(Shape):
    path: str = Field(description="What `under` takes; folders that hold nothing but one folder are one with it.")
    pages: int = Field(description="All pages below it.")
    missing: int = Field(description="Those of them that the last refresh did not meet.")


class BranchPage(Shape):
    under: str = Field(description="The folder: `//`, host and path.")
    folders: list[FolderShape] = Field(description="All right below it; empty on the pages after the first.")
    items: list[PageSummary] = Field(description="The pages right below it, by URL.")
    next_cursor: str | None


class HeldShape(Shape):
    count: int
    size_bytes: int


class LanguageCount(Shape):
    language: str | None = Field(description="None: of no known language.")
    count: int


class EmbeddingTask(Shape):
    task_id: str
    task_type: str
    status: model.TaskStatus
    created_at: datetime
    generation: int | None = Field(description="That it has made; none: it made vectors alone.")
    model: str | None
    tokens: int = Field(description="As charged.")
    cost_usd: float | None = Field(description="None where the price isn't known.")
    saved_tokens: int = Field(description="Of texts that were there before and were not embedded again.")
    saved_chunks: int
    pages_not_fetched: int = Field(description="Of which the site said that they are unchanged.")


class EmbeddingTotals(Shape):
    tokens: int
    cost_usd: float | None = Field(description="None where one price isn't known.")
    saved_tokens: int
    saved_usd: float | None = Field(description="What those would have cost.")
    saved_chunks: int
    pages_not_fetched: int


class StorageShape(Shape):
    """Bytes are those of text and vectors themselves, without what a database needs around them."""

    source_id: str
    total_bytes: int
    pages: HeldShape = Field(description="The Markdown of its pages.")
    chunks: HeldShape = Field(description="The text of its chunks.")
    code: HeldShape = Field(description="Its code examples.")
    vectors: HeldShape = Field(description="Of all models. One that another source has too counts in both.")
    kept: HeldShape = Field(description="Versions of pages that only other generations have, with chunks and code.")
    languages: list[LanguageCount] = Field(description="Its code examples by language, the most frequent first.")
    embedding: EmbeddingTotals = Field(description="Over the tasks that are still kept.")
    tasks: list[EmbeddingTask] = Field(description="These tasks, newest first, at most 100.")


MAX_TASKS = 100


def of_branch(branch: Branch, next_cursor: str | None) -> BranchPage:
    return BranchPage(
        under=branch.under,
        folders=[_folder(folder) for folder in branch.folders],
        items=[present.of_page_summary(page, chars) for page, chars in branch.pages],
        next_cursor=next_cursor,
    )


def _folder(folder: Folder) -> FolderShape:
    return FolderShape(path=folder.path, pages=folder.pages, missing=folder.missing)


def of_storage(
    source_id: str, storage: Storage, tasks: Sequence[Embedding], models: Mapping[str, EmbedderOptions]
) -> StorageShape:
    """`models` are the options of the models whose prices can be told, by name."""
    parts = (storage.pages, storage.chunks, storage.code, storage.vectors, storage.kept)
    languages = sorted(storage.languages.items(), key=lambda item: (-item[1], item[0] or ""))
    told = [_task(task, models) for task in tasks]
    return StorageShape(
        source_id=source_id,
        total_bytes=sum(part.size_bytes for part in parts),
        pages=_held(storage.pages),
        chunks=_held(storage.chunks),
        code=_held(storage.code),
        vectors=_held(storage.vectors),
        kept=_held(storage.kept),
        languages=[LanguageCount(language=language, count=count) for language, count in languages],
        embedding=_totals(told, [_cost(task, task.saved_tokens, models) for task in tasks]),
        tasks=told[:MAX_TASKS],
    )


def _held(held: Held) -> HeldShape:
    return HeldShape(count=held.count, size_bytes=held.size_bytes)


def _task(task: Embedding, models: Mapping[str, EmbedderOptions]) -> EmbeddingTask:
    return EmbeddingTask(**vars(task), cost_usd=_cost(task, task.tokens, models))


def _cost(task: Embedding, tokens: int, models: Mapping[str, EmbedderOptions]) -> float | None:
    if tokens == 0:
        return 0.0
    options = models.get(task.model or "")
    return None if options is None else pricing.cost_usd(options, tokens)


def _totals(tasks: Sequence[EmbeddingTask], saved: Sequence[float | None]) -> EmbeddingTotals:
    return EmbeddingTotals(
        tokens=sum(task.tokens for task in tasks),
        cost_usd=_sum([task.cost_usd for task in tasks]),
        saved_tokens=sum(task.saved_tokens for task in tasks),
        saved_usd=_sum(saved),
        saved_chunks=sum(task.saved_chunks for task in tasks),
        pages_not_fetched=sum(task.pages_not_fetched for task in tasks),
    )


def _sum(costs: Sequence[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if len(known) == len(costs) else None
