"""What a crawl is asked to do: the body of `POST /knowledge/add` and the payload of tasks of type `crawl`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Tag = Annotated[str, StringConstraints(min_length=1, max_length=64, strip_whitespace=True)]
GlobText = Annotated[str, StringConstraints(min_length=1, max_length=512)]


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
    render: Literal["auto", "http"] = Field("auto", description="How pages are fetched. Pages are read over HTTP.")
    extract_code: bool = Field(True, description="Keep code blocks as examples of their own too.")
    tags: list[Tag] = Field(default_factory=list, max_length=50, description="Words to find the source by.")
    knowledge_type: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        "documentation", description="What kind of knowledge it is."
    )
    refresh_every: Annotated[str, StringConstraints(min_length=1, max_length=20)] | None = Field(
        None, description="Crawl it again and again: `90m`, `24h`, `7d` or a number of seconds.", examples=["24h"]
    )


class CrawlStart(CrawlRequest):
    """The body of a start: the request, and what any task may be told."""

    priority: int = Field(50, ge=0, le=100, description="Higher runs first.")
    webhook_url: Annotated[str, StringConstraints(min_length=1, max_length=2048)] | None = Field(
        None, description="Called when the task has ended, signed as Standard Webhooks."
    )


class CrawlPayload(CrawlRequest):
    """The request with the source that it fills; the server sets it, whatever a client sends."""

    source_id: str = ""

    def options(self) -> Mapping[str, Any]:
        """What a source keeps of how it was crawled."""
        return self.model_dump(exclude={"url", "tags", "knowledge_type", "source_id"})
