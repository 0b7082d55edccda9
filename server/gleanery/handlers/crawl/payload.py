"""What a crawl is asked to do: the body of `POST /knowledge/add` and the payload of tasks of type `crawl`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from gleanery import errors
from gleanery.model import Source
from gleanery.web.scope import Scope
from gleanery.web.urls import resolve

READ_ENDINGS = ("pdf", "docx", "ipynb", "rst")
"""Endings of files that are read, though they are no web pages."""

Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
GlobText = Annotated[str, StringConstraints(min_length=1, max_length=512)]


Selector = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Script = Annotated[str, StringConstraints(min_length=1, max_length=10_000)]


class BrowserOptions(BaseModel):
    """What the browser does on a page before it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    wait_for: Selector | None = Field(None, description="CSS selector of an element that must be there.")
    wait_until: Literal["settled", "domcontentloaded", "load", "networkidle"] = Field(
        "settled", description="When a page counts as shown; `settled`: nothing is loading and nothing is added to it."
    )
    scripts: list[Script] = Field(default_factory=list, max_length=20, description="JavaScript to run on the page.")
    clicks: list[Selector] = Field(
        default_factory=list, max_length=20, description="CSS selectors of what is clicked, in this order."
    )
    scroll: bool = Field(False, description="Scroll to the end, as long as more comes.")
    timeout_seconds: float = Field(30.0, gt=0, le=300, description="Longest for one page.")


class CrawlRequest(BaseModel):
    """What to crawl and how far."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, StringConstraints(min_length=1, max_length=2048)] = Field(
        description="Where to start. Its host and folder are the scope.", examples=["https://docs.example.org/guide/"]
    )
    max_depth: int = Field(10, ge=0, le=100, description="Links away from the start; 0 takes just the start page.")
    max_pages: int = Field(10_000, ge=1, le=1_000_000, description="Most pages that are stored.")
    include: list[GlobText] = Field(
        default_factory=list, max_length=100, description="Globs of paths to take; empty takes all in scope."
    )
    exclude: list[GlobText] = Field(default_factory=list, max_length=100, description="Globs of paths to leave out.")
    max_minutes: float | None = Field(
        None, gt=0, le=100_000, description="Longest that the crawl may take; what is stored by then stays."
    )
    concurrency: int | None = Field(
        None, ge=1, le=64, description="Most pages that are fetched at once; unset: as many as the server fetches."
    )
    subdomains: bool = Field(False, description="Take the hosts below the start's host too.")
    all_variants: bool = Field(
        False, description="Take every version and language of the same pages, not just the one of the start."
    )
    render: Literal["auto", "http", "browser"] = Field(
        "auto", description="Over HTTP, in the browser, or `auto`: in the browser where a page can't be read otherwise."
    )
    browser: BrowserOptions | None = Field(None, description="What the browser does on each page; needs `browser`.")
    extract_code: bool = Field(True, description="Keep code blocks as examples of their own too.")
    tags: list[Tag] = Field(default_factory=list, max_length=50, description="Words to find the source by.")
    knowledge_type: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        "documentation", description="What kind of knowledge it is."
    )
    refresh_every: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = Field(
        None, description="Crawl it again and again: `90m`, `24h`, `7d` or a number of seconds.", examples=["24h"]
    )

    @property
    def is_single(self) -> bool:
        """Whether the start page alone is wanted."""
        return self.max_depth == 0 or self.max_pages == 1


def scope_of(request: CrawlRequest, start: str, *, is_list: bool = False) -> Scope:
    """What belongs to a crawl that begins at the href `start`: where that is a list of pages those of its host, and none
    that they link to. Raises InvalidInput naming `include` or `exclude`."""
    return Scope.of(
        (resolve(start, "/") or start) if is_list else start,
        include=request.include,
        exclude=request.exclude,
        max_depth=1 if is_list else request.max_depth,
        subdomains=request.subdomains,
        all_variants=request.all_variants,
        endings=READ_ENDINGS,
    )


class CrawlStart(CrawlRequest):
    """The body of a start: the request, and what any task may be told."""

    priority: int = Field(50, ge=0, le=100, description="Higher runs first.")
    webhook_url: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        None, description="Called when the task has ended, signed as Standard Webhooks."
    )


class CrawlChange(BaseModel):
    """What can be changed of a crawl that has not ended. What is not given stays as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_pages: int | None = Field(None, ge=1, le=1_000_000, description="Most pages that are stored, in all.")
    max_depth: int | None = Field(None, ge=0, le=100, description="Links away from the start.")
    max_minutes: float | None = Field(
        None, gt=0, le=100_000, description="Longest that the crawl may take, in all; null: without an end."
    )
    concurrency: int | None = Field(
        None, ge=1, le=64, description="Most pages that are fetched at once; null: as many as the server fetches."
    )

    @field_validator("max_pages", "max_depth")
    @classmethod
    def _is_given(cls, value: int | None) -> int:
        if value is None:
            raise ValueError("can't be without a value")
        return value

    def limits(self) -> Mapping[str, Any]:
        """Those that are asked for, by name."""
        return self.model_dump(exclude_unset=True)


class RefreshRequest(BaseModel):
    """The body of a refresh: the source is crawled again with the options that it has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    full: bool = Field(False, description="Get every page anew, also those that the site says are unchanged.")
    force: bool = Field(False, description="Take the new state whatever it lacks of the present one.")
    priority: int = Field(50, ge=0, le=100, description="Higher runs first.")
    webhook_url: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        None, description="Called with what changed, and when the task has ended, signed as Standard Webhooks."
    )


class CrawlPayload(CrawlRequest):
    """The request with the source that it fills; the server sets it, whatever a client sends. `full` and `force` are of this
    run alone, see RefreshRequest."""

    source_id: str = ""
    full: bool = False
    force: bool = False

    def options(self) -> Mapping[str, Any]:
        """What a source keeps of how it was crawled."""
        return self.model_dump(exclude={"url", "tags", "knowledge_type", "source_id", "full", "force"})


def refresh_payload(source: Source, asked: RefreshRequest) -> CrawlPayload:
    """What crawls a source again. Raises WrongState for one that was not crawled."""
    try:
        options = CrawlRequest.model_validate({**source.options, "url": source.url})
    except ValidationError:
        raise errors.WrongState(
            "This source was not crawled, so there is nothing to fetch: send its file again.",
            source_id=source.source_id,
        ) from None
    return CrawlPayload(
        **options.model_dump(exclude={"tags", "knowledge_type", "refresh_every"}),
        tags=list(source.tags),
        knowledge_type=source.knowledge_type,
        full=asked.full,
        force=asked.force,
    )
