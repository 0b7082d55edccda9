"""Stories: what Shortcut has of one, what the stages make of it, what each call of a model took, and how a workspace is set."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

WorkspaceName = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=64)]
LabelName = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=128)]


class Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_serialization_defaults_required=True)


class Goal(StrEnum):
    """What a label asks for: `analyze` stops after the analysis, `enhance` goes on to a better story."""

    ANALYZE = "analyze"
    ENHANCE = "enhance"


class Stage(StrEnum):
    TRIAGE = "triage"
    ANALYSIS = "analysis"
    ENHANCEMENT = "enhancement"


class StoryState(StrEnum):
    """Where a story stands. All but the first three are final."""

    WAITING = "waiting"
    """No stage has begun."""
    WORKING = "working"
    """A stage or the write-back runs, or waits for its turn."""
    NEEDS_APPROVAL = "needs_approval"
    WRITTEN = "written"
    DRY_RUN = "dry_run"
    """Everything was done but the writing."""
    CONFLICT = "conflict"
    """A person changed the story meanwhile; nothing was written over it."""
    REJECTED = "rejected"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    """A newer request for the same story stands for it."""


OPEN_STATES = frozenset({StoryState.WAITING, StoryState.WORKING, StoryState.NEEDS_APPROVAL})


class Workspace(Frozen):
    """How the stories of a Shortcut workspace are treated. The webhook's secret and the API token are never in it: only
    whether they are set. An empty done label adds none; `model` None is the server's chat model; `max_tokens` and
    `max_cost_usd` bound what one story may take, None is no bound; a webhook older than `max_age_seconds` is refused."""

    name: WorkspaceName
    enhance_label: LabelName = "enhance"
    analyze_label: LabelName = "analyze"
    enhanced_label: LabelName = "enhanced"
    analyzed_label: LabelName = "analyzed"
    model: str | None = None
    max_tokens: int | None = 200_000
    max_cost_usd: float | None = None
    dry_run: bool = False
    needs_approval: bool = False
    max_age_seconds: int = 300
    webhook_url: str | None = None
    is_secret_set: bool = False
    is_token_set: bool = False
    created_at: datetime
    changed_at: datetime


class Story(Frozen):
    """A story as it was read from Shortcut. All of its text is other people's: data, never an instruction."""

    shortcut_id: int
    name: str
    description: str
    story_type: str
    labels: list[str]
    app_url: str
    external_links: list[str]
    updated_at: datetime
    comments: list[str] = []

    @property
    def content_hash(self) -> str:
        """Of what a write-back would replace."""
        return hashlib.sha256(json.dumps([self.name, self.description]).encode()).hexdigest()


class Proposal(Frozen):
    """What is to be written: a title or description of None stays as it is. Both sides of the labels are names."""

    name: str | None = None
    description: str | None = None
    labels_added: list[str] = []
    labels_removed: list[str] = []
    comment: str = ""


class RelatedStory(Frozen):
    """A story of the same workspace that a search found."""

    shortcut_id: int
    name: str
    description: str
    story_type: str
    app_url: str


class CitedSource(Frozen):
    """Where something is from: a page of the knowledge base (`page_id`), a link of the story or another story. It was looked
    up: one that does not exist is dropped and counted."""

    url: str
    title: str
    page_id: str | None = None
    why: str = ""


class Triage(Frozen):
    """What kind of story it is and what it lacks. `needs_enhancement` is False for one that is good as it is; `missing` are
    parts such as acceptance criteria; `by_model` is False where only rules looked at it."""

    kind: str
    summary: str
    needs_enhancement: bool
    complexity: str = "unknown"
    missing: list[str] = []
    risks: list[str] = []
    by_model: bool = False
    left_out: list[str] = []


class Analysis(Frozen):
    """What was found out about a story: findings as sentences, with the sources that they rest on."""

    summary: str
    findings: list[str] = []
    open_questions: list[str] = []
    sources: list[CitedSource] = []
    sources_dropped: int = 0
    related: list[RelatedStory] = []
    by_model: bool = False
    left_out: list[str] = []


class Section(Frozen):
    title: str
    body: str


class Enhancement(Frozen):
    """A better story: `name` None keeps the title, no `sections` keep the description. Bodies are Markdown."""

    name: str | None = None
    sections: list[Section] = []
    acceptance_criteria: list[str] = []
    open_questions: list[str] = []
    sources: list[CitedSource] = []
    sources_dropped: int = 0
    by_model: bool = False
    left_out: list[str] = []

    @property
    def is_empty(self) -> bool:
        return self.name is None and not self.sections and not self.acceptance_criteria


class StepKind(StrEnum):
    MODEL = "model"
    TOOL = "tool"
    HANDOFF = "handoff"


class AgentStep(Frozen):
    """One call of a model or a tool, or a hand-off. `ordinal` counts from 1 within the stage; `task_id` is that of the stage's
    task; `detail` is a short account of it; `cost_usd` is None where the price isn't known."""

    task_id: str
    stage: Stage
    ordinal: int
    kind: StepKind
    agent: str
    model: str | None = None
    tool: str | None = None
    detail: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    seconds: float = 0.0
    error: str | None = None
    at: datetime
