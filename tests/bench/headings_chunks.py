"""Passages: what a contender cuts the pages into, as places with the text that it indexes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gleanery.knowledge.budget import ChunkBudget
from gleanery.knowledge.cut import Origin, cut_page
from gleanery.knowledge.vectors import text_to_embed
from gleanery.model import PageBundle, utc_now
from gleanery.store.values import ChunkText
from tests.bench.headings_score import Place
from tests.bench.headings_site import SitePage
from tests.bench.headings_splitter import split


@dataclass(frozen=True)
class Passage:
    """A slice of a page and what it is indexed and embedded as."""

    place: Place
    text: str


def bundle_of(page: SitePage, source_id: str, task_id: str, budget: ChunkBudget) -> PageBundle:
    """The rows that a crawl would store of the page."""
    origin = Origin(
        source_id=source_id,
        task_id=task_id,
        url=page.url,
        url_key=page.url.removeprefix("https://"),
        status_code=200,
        content_type="text/html",
        etag=None,
        last_modified=None,
        size_bytes=len(page.extracted.markdown),
        fetched_at=utc_now(),
    )
    return cut_page(origin, page.extracted, extract_code=False, budget=budget)


def own_passages(bundles: Sequence[PageBundle]) -> list[Passage]:
    """gleanery's chunks, each with its title and headings before it, as its embedder gets them."""
    return [
        Passage(
            Place(number, chunk.start, chunk.end),
            text_to_embed(
                ChunkText(
                    row=0,
                    text_row=0,
                    page_id=chunk.page_id,
                    source_id=chunk.source_id,
                    title=bundle.page.title,
                    heading_path=chunk.heading_path,
                    context=chunk.context,
                    content=chunk.content,
                )
            ),
        )
        for number, bundle in enumerate(bundles)
        for chunk in bundle.chunks
    ]


def recursive_passages(pages: Sequence[SitePage]) -> list[Passage]:
    """The baseline's: slices of the Markdown as they are."""
    return [
        Passage(Place(number, start, end), page.extracted.markdown[start:end])
        for number, page in enumerate(pages)
        for start, end in split(page.extracted.markdown)
    ]
