"""What stages are run with in these tests: steps that are kept as JSON, hands that note what they were asked, a story."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gleanery import errors
from gleanery.agents.connection import Connection
from gleanery.agents.stories.context import FoundPassage, ReadPage, StageContext, spent_outside
from gleanery.agents.stories.runtime import Api, Price, Runtime
from gleanery.model.stories import AgentStep, Analysis, RelatedStory, Stage, Story, Triage
from tests.sites.model_server import Calls, ModelServer, Turn

GUIDE = "https://docs.example.com/guide/limits"
API = "https://docs.example.com/api"
STORY = Story(
    shortcut_id=7,
    name="Export of invoices is slow",
    description=f"Customers wait for minutes. See {GUIDE} and the [API]({API}#export).",
    story_type="feature",
    labels=["enhance"],
    app_url="https://app.shortcut.com/acme/story/7",
    external_links=[],
    updated_at=datetime(2026, 1, 1, tzinfo=UTC),
)
PASSAGE = FoundPassage(
    "p1", "https://kb.example.com/export", "Export", ("Limits",), "An export has at most 10,000 rows."
)
OTHER = RelatedStory(
    shortcut_id=3,
    name="Export times out",
    description="It ends after 60 s.",
    story_type="bug",
    app_url="https://app.shortcut.com/acme/story/3",
)
TRIAGED = Triage(kind="feature", summary="Faster exports.", needs_enhancement=True, missing=["acceptance criteria"])
ANALYSED = Analysis(summary="Exports are bounded.", findings=["At most 10,000 rows. [1]"], by_model=True)

TRIAGE = {
    "kind": "feature",
    "summary": "Exports should be faster.",
    "needs_enhancement": True,
    "complexity": "medium",
    "missing": ["acceptance criteria", "acceptance criteria"],
    "risks": [],
}
ANALYSIS = {
    "summary": "An export is bounded to 10,000 rows.",
    "findings": [
        {"text": "An export has at most 10,000 rows.", "urls": ["https://kb.example.com/export", "https://made.up/1"]},
        {"text": "It once timed out.", "urls": [OTHER.app_url]},
    ],
    "open_questions": ["How many rows do customers have?"],
    "sources": [{"url": GUIDE, "why": "It has the limits."}, {"url": "https://made.up/2", "why": "No."}],
}
ENHANCEMENT = {
    "title": "Invoices are exported within 30 seconds",
    "sections": [{"title": "Context", "body": f"Customers wait. See [the guide]({GUIDE})."}],
    "acceptance_criteria": [
        {
            "given": "an account with 10,000 invoices",
            "when": "an export is asked for",
            "then": "it is there within 30 s",
        }
    ],
    "open_questions": ["Who is told when it fails?"],
    "sources": [{"url": GUIDE, "why": "Limits."}],
}


def scripted(turn: Turn) -> Calls | str:
    if turn.asks_for("kind"):
        return json.dumps(TRIAGE)
    if turn.asks_for("title"):
        return json.dumps(ENHANCEMENT)
    if not turn.results:
        return Calls(("search_knowledge", {"query": "export limits"}), ("read_link", {"url": GUIDE}))
    return json.dumps(ANALYSIS)


@dataclass
class Steps:
    """As the engine keeps them: by name, as JSON, once. With so many kept the process is gone (`dies_after`)."""

    kept: dict[str, str] = field(default_factory=dict)
    dies_after: int | None = None

    async def __call__(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        if name not in self.kept:
            if self.dies_after is not None and len(self.kept) >= self.dies_after:
                raise Gone
            self.kept[name] = json.dumps(await work())
        return json.loads(self.kept[name])


class Gone(BaseException):
    """The process was killed here."""


@dataclass
class Notes:
    """Records as the store keeps them: the same stage and ordinal once more changes nothing."""

    by_number: dict[tuple[Stage, int], AgentStep] = field(default_factory=dict)

    async def __call__(self, step: AgentStep) -> None:
        self.by_number.setdefault((step.stage, step.ordinal), step)

    @property
    def all(self) -> list[AgentStep]:
        return list(self.by_number.values())


@dataclass
class NotingHands:
    passages: Sequence[FoundPassage] = (PASSAGE,)
    pages: Mapping[str, str] = field(default_factory=lambda: {GUIDE: "An export has 10,000 rows.", API: "POST /export"})
    stories: Sequence[RelatedStory] = (OTHER,)
    searched: list[str] = field(default_factory=list)
    read_urls: list[str] = field(default_factory=list)
    asked_stories: list[str] = field(default_factory=list)

    async def search(self, query: str, limit: int) -> Sequence[FoundPassage]:
        self.searched.append(query)
        return self.passages[:limit]

    async def read(self, url: str) -> ReadPage:
        self.read_urls.append(url)
        if url not in self.pages:
            raise errors.ConnectFailed(url, "Nobody answers there.")
        return ReadPage(url, f"Page {url}", self.pages[url])

    async def related(self, query: str, limit: int) -> Sequence[RelatedStory]:
        self.asked_stories.append(query)
        return self.stories[:limit]


async def no_wait(_: float) -> None: ...


def runtime_for(server: ModelServer, *, api: Api | None = None, price: Price | None = None, **more: Any) -> Runtime:
    more = {"max_retries": 2, "timeout_seconds": 20.0, **more}
    connection = Connection("gpt-test", "sk-secret", base_url=server.base_url, sleep=no_wait, **more)
    server.on_end.append(connection.aclose)
    return Runtime(connection, api=api, price=price)


@dataclass
class Bench:
    """A task of a story, with what outlives its attempts."""

    runtime: Runtime | None = None
    steps: Steps = field(default_factory=Steps)
    notes: Notes = field(default_factory=Notes)
    hands: NotingHands = field(default_factory=NotingHands)
    max_tokens: int | None = 100_000
    max_cost_usd: float | None = None
    model: str | None = None
    attempt: int = 0

    def begin(self, stage: Stage) -> StageContext:
        """The next attempt."""
        self.attempt += 1
        return StageContext(
            task_id="t1",
            attempt=self.attempt,
            step=self.steps,
            note=self.notes,
            hands=self.hands,
            runtime=self.runtime,
            model=self.model,
            max_tokens=self.max_tokens,
            max_cost_usd=self.max_cost_usd,
            spent_before=spent_outside(self.notes.all, stage),
        )
