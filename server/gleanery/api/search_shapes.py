"""The JSON shapes of search."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gleanery.api.source_shapes import ChunkShape, CodeExampleShape
from gleanery.api.wire import Request, Shape
from gleanery.handlers.crawl.payload import Tag

Text = Annotated[str, StringConstraints(min_length=1, max_length=2000, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=512, strip_whitespace=True)]
Language = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
MAX_NEIGHBOURS = 5


class Filters(Request):
    """Where to look; all that is given holds."""

    source_id: str | None = None
    source_ids: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="Only in these sources, and in `source_id` if that is given too.",
    )
    tags: list[Tag] = Field(default_factory=list, max_length=50, description="Only sources that have all of them.")
    kind: Name | None = Field(None, description="Only sources of this `knowledge_type`.")
    path_prefix: Name | None = Field(None, description="Only pages whose path begins so.", examples=["/library/"])
    version: Name | None = Field(None, description="Only pages of this version; `3.11` takes `3.11.2`.")
    limit: int = Field(10, ge=1, le=100)
    typos: bool = Field(True, description="Look for the nearest known word in place of one that nothing has.")


class SearchRequest(Filters):
    """The text may hold "quoted phrases", -"phrases" that must not be there, and filters such as site:docs.example.org, path:/a/,
    lang:de, version:2, kind:, tag: and source:."""

    query: Text
    mode: Literal["hybrid", "vector", "keyword"] = "hybrid"
    language: Language | None = Field(None, description="Only pages in this language; `de` takes `de-AT`.")
    neighbours: int = Field(0, ge=0, le=MAX_NEIGHBOURS, description="Chunks to give before and after each hit.")
    fold: bool = Field(True, description="Put hits that say nearly the same into the best of them.")
    rerank: bool = Field(True, description="Have the reranker look again, where one is set.")


class CodeSearchRequest(Filters):
    """The text is as for passages; lang: is the language of the code."""

    query: Text
    language: Language | None = Field(None, description="Only in this language, by any of its names: `py` is `python`.")


class TwinShape(Shape):
    chunk_id: str
    page_id: str
    source_id: str
    url: str
    title: str


class HitShape(Shape):
    chunk_id: str
    page_id: str
    source_id: str
    url: str = Field(description="With the anchor of the nearest heading, where there is one.")
    title: str
    heading_path: list[str]
    content: str
    start: int = Field(description="`page.markdown[start:end]` is `content`; in code points.")
    end: int
    context: str = Field(description="Where the chunk stands in its page, if that is known.")
    highlights: list[tuple[int, int]] = Field(description="Ranges of `content` to mark, in code points.")
    matched: list[str] = Field(description="Where words of the query are: title, headings, content, context.")
    folded: list[TwinShape] = Field(description="Hits that say nearly the same.")
    neighbours: list[ChunkShape] = Field(description="The chunks around it, in the order of the page, if asked for.")
    score: float
    scores: dict[str, float] = Field(
        description="`keyword`, `vector`, `links` and `rerank` add up to the score; `…_rank` and `…_raw` tell where they come from."
    )


class SearchReply(Shape):
    hits: list[HitShape]
    took_ms: float
    mode: Literal["hybrid", "vector", "keyword"] = Field(
        description="What was searched by: keyword while no vectors are there."
    )
    corrections: dict[str, str] = Field(description="Words that nothing has, with those that were looked for instead.")
    notes: list[str] = Field(description="What was not done as asked, in sentences.")


class FacetShape(Shape):
    value: str
    count: int


class SourceFacetShape(Shape):
    source_id: str
    title: str
    url: str
    pages: int


class FacetsReply(Shape):
    """The most frequent first, at most 200 of each; sources all."""

    sources: list[SourceFacetShape] = Field(description="All of them, whatever is asked for.")
    tags: list[FacetShape] = Field(description="Pages by the tags of their source.")
    kinds: list[FacetShape] = Field(description="Pages by the `knowledge_type` of their source.")
    languages: list[FacetShape] = Field(description="Pages by their language; those that name none are not counted.")
    versions: list[FacetShape] = Field(description="Pages by the version that they document.")
    code_languages: list[FacetShape] = Field(description="Code examples by their language.")


class CodeHit(CodeExampleShape):
    highlights: list[tuple[int, int]] = Field(description="Ranges of `code` to mark, in code points.")
    score: float
    scores: dict[str, float] = Field(description="`keyword_rank` and `keyword_raw` (BM25).")


class CodeSearchReply(Shape):
    hits: list[CodeHit]
    took_ms: float
    corrections: dict[str, str] = Field(description="Words that nothing has, with those that were looked for instead.")
    notes: list[str] = Field(description="What was not done as asked, in sentences.")
