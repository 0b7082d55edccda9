"""The agents' tools: the knowledge base, the story's own links, related stories. They are bounded in count and size, and refuse
what is outside their bounds whatever the model asks; each call that reaches something is a stored step."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from gleanery.agents.stories.context import StageContext
from gleanery.agents.stories.material import bare, block, one_line, related_text
from gleanery.errors import GleaneryError, LeaseLost, StorageError
from gleanery.model.stories import CitedSource, RelatedStory, Stage

MAX_CALLS = 12
"""Of all tools in a stage. The stage's links and searches have their own bounds within it."""
MAX_READS = 5
PASSAGES, PASSAGE_CHARACTERS = 5, 1_500
PAGE_CHARACTERS = 8_000
STORIES = 5

SEARCH, READ, RELATED = "search_knowledge", "read_link", "related_stories"

Query = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300)]
Url = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid")


class SearchArguments(_Arguments):
    query: Query


class ReadArguments(_Arguments):
    url: Url


@dataclass(frozen=True)
class Tool:
    """As a model is told of it."""

    name: str
    description: str
    arguments: type[BaseModel]


TOOLS = (
    Tool(SEARCH, "Passages of the team's knowledge base about a query of few words.", SearchArguments),
    Tool(READ, "The text that stands at one of the story's own links. No other address can be read.", ReadArguments),
    Tool(RELATED, "Stories of the same workspace about a query of few words.", SearchArguments),
)


@dataclass
class Toolbox:
    """The tools of one stage. `sources` is what they have really found, by its address: nothing else can be cited."""

    ctx: StageContext
    stage: Stage
    links: Sequence[str]
    marker: str
    sources: dict[str, CitedSource] = field(default_factory=dict)
    related: dict[str, RelatedStory] = field(default_factory=dict)
    calls: int = 0
    reads: int = 0

    async def call(self, name: str, arguments: str) -> str:
        """What the model is told, whose first line says in plain words what came of it. Never fails for what was asked."""
        if self.calls >= MAX_CALLS:
            return f"Refused: {MAX_CALLS} calls of tools are made already. Answer with what you have."
        self.calls += 1
        tool = next((tool for tool in TOOLS if tool.name == name), None)
        if tool is None:
            return "Refused: there is no such tool."
        try:
            given = tool.arguments.model_validate_json(arguments)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            return f"Refused: {'.'.join(map(str, first['loc'])) or 'arguments'}: {first['msg']}."
        if isinstance(given, ReadArguments):
            return await self.read(given.url)
        assert isinstance(given, SearchArguments)
        return await (self.find_stories(given.query) if name == RELATED else self.search(given.query))

    async def search(self, query: str) -> str:
        async def found() -> dict[str, Any]:
            passages = await self.ctx.hands.search(query, PASSAGES)
            texts = [
                f"{passage.url}\npage {passage.page_id}: {one_line(' > '.join((passage.title, *passage.heading_path)), 300)}\n"
                + passage.text[:PASSAGE_CHARACTERS]
                for passage in passages[:PASSAGES]
            ]
            cited = [
                {"url": passage.url, "title": one_line(passage.title, 200), "page_id": passage.page_id}
                for passage in passages[:PASSAGES]
            ]
            return {"texts": texts, "sources": cited}

        return await self._told(SEARCH, query, "PASSAGE", found)

    async def read(self, url: str) -> str:
        """Only what stands in the story is read, however the address is written otherwise."""
        link = bare(url)
        if link not in self.links:
            return "Refused: only the links of the story can be read."
        if self.reads >= MAX_READS:
            return f"Refused: {MAX_READS} links are read already."
        self.reads += 1

        async def page() -> dict[str, Any]:
            read = await self.ctx.hands.read(link)
            title = one_line(read.title, 200) or link
            text = f"{link}\n{title}\n{read.markdown[:PAGE_CHARACTERS]}"
            return {"texts": [text], "sources": [{"url": link, "title": title, "page_id": None}]}

        return await self._told(READ, link, "PAGE", page)

    async def find_stories(self, query: str) -> str:
        async def found() -> dict[str, Any]:
            stories = (await self.ctx.hands.related(query, STORIES))[:STORIES]
            return {
                "texts": [related_text(story) for story in stories],
                "sources": [{"url": story.app_url, "title": one_line(story.name, 200)} for story in stories],
                "stories": [story.model_dump(mode="json") for story in stories],
            }

        return await self._told(RELATED, query, "STORY", found)

    async def _told(self, tool: str, asked: str, noun: str, work: Callable[[], Awaitable[dict[str, Any]]]) -> str:
        kept = await self.ctx.step(f"{self.stage}.{tool}.{_digest(asked)}", lambda: _or_failure(work))
        if "failed" in kept:
            return f"Failed: {kept['failed']}"
        self._learn(kept)
        texts = kept["texts"]
        if not texts:
            return "Nothing was found."
        blocks = "\n\n".join(block(f"{noun} {number}", text, self.marker) for number, text in enumerate(texts, 1))
        return f"{len(texts)} found.\n\n{blocks}"

    def _learn(self, kept: Mapping[str, Any]) -> None:
        for source in kept["sources"]:
            self.sources.setdefault(source["url"], CitedSource.model_validate(source))
        for story in kept.get("stories", ()):
            self.related.setdefault(story["app_url"], RelatedStory.model_validate(story))


async def _or_failure(work: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """A link that can't be read is something to know of the story, and no failure of the stage."""
    try:
        return await work()
    except (LeaseLost, StorageError):
        raise
    except GleaneryError as error:
        return {"failed": one_line(str(error.message), 300)}


def _digest(asked: str) -> str:
    return hashlib.blake2b(json.dumps(asked).encode(), digest_size=8).hexdigest()
