"""Stories, workspaces and Shortcut's webhooks, as they pass the doors."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AnyHttpUrl, Field, SecretStr, StringConstraints, model_validator

from gleanery import model
from gleanery.api.change_shapes import DiffLineShape
from gleanery.api.wire import ErrorBody, Request, Shape
from gleanery.model.stories import (
    AgentStep,
    Analysis,
    Enhancement,
    Goal,
    LabelName,
    Story,
    StoryState,
    Triage,
    Workspace,
)

_Trigger = Annotated[LabelName, StringConstraints(min_length=1)]


class WorkspaceRequest(Request):
    """All settings at once: what is left out is as it is by default, but the secrets, which then stay as they are."""

    secret: SecretStr | None = Field(
        None,
        max_length=500,
        description="Of Shortcut's webhook. Without it, as it was; empty: taken away. Never shown.",
    )
    api_token: SecretStr | None = Field(
        None, max_length=500, description="For Shortcut's API. Without it, as it was; empty: taken away. Never shown."
    )
    enhance_label: _Trigger = Field("enhance", description="A story that is given it is enhanced.")
    analyze_label: _Trigger = Field("analyze", description="A story that is given it is analysed.")
    enhanced_label: LabelName = Field("enhanced", description="Takes its place afterwards; empty: none does.")
    analyzed_label: LabelName = Field("analyzed", description="Takes its place afterwards; empty: none does.")
    model: str | None = Field(None, min_length=1, max_length=200, description="Chat model; null: the server's.")
    max_tokens: int | None = Field(
        200_000, ge=0, le=1_000_000_000, description="Most that one story may take; null: no bound."
    )
    max_cost_usd: float | None = Field(
        None,
        ge=0,
        le=1_000_000,
        allow_inf_nan=False,
        description="US dollars that one story may cost, by the price that is set; null: no bound.",
    )
    dry_run: bool = Field(False, description="Everything is done but the writing.")
    needs_approval: bool = Field(False, description="Somebody must approve before anything is written.")
    max_age_seconds: int = Field(300, ge=10, le=86_400, description="An older webhook is refused.")
    webhook_url: AnyHttpUrl | None = Field(None, description="Called at the end of each task of a story.")

    @model_validator(mode="after")
    def _labels_differ(self) -> WorkspaceRequest:
        if self.enhance_label == self.analyze_label:
            raise ValueError("enhance_label and analyze_label must differ")
        if {self.enhanced_label, self.analyzed_label} & {self.enhance_label, self.analyze_label}:
            raise ValueError("a label that is set afterwards must be none of those that ask for work")
        return self

    @model_validator(mode="after")
    def _token_is_plain(self) -> WorkspaceRequest:
        token = "" if self.api_token is None else self.api_token.get_secret_value()
        if not all("!" <= character <= "~" for character in token):
            raise ValueError("api_token has characters that no token has")
        return self


class WorkspacePage(Shape):
    items: list[Workspace]
    next_cursor: str | None = Field(description="Always null: there are few.")


class AskedStory(Shape):
    """A story that a webhook asked for."""

    story_id: str
    shortcut_id: int
    goal: Goal
    state: StoryState = Field(
        description="`waiting`; with USE_BACKGROUND_PROCESSING=false how it stands when it is done."
    )
    task_ids: list[str]


class WebhookReply(Shape):
    """How a webhook was taken. One that comes again gets the same answer and starts nothing."""

    delivery_id: str = Field(description="The webhook's `id`.")
    status: str = Field(description="`accepted`, or `ignored` where no label asks for anything.")
    stories: list[AskedStory]


class StoryTask(Shape):
    task_id: str
    task_type: str
    status: model.TaskStatus


class StorySummary(Shape):
    """A story, as listings show it."""

    story_id: str
    workspace: str
    shortcut_id: int = Field(description="Its number in Shortcut.")
    goal: Goal
    state: StoryState
    stage: str = Field(
        description="`triage`, `analysis`, `enhancement` or `write_back`: what is at work, waits or has failed; "
        "empty where nothing is left to do."
    )
    name: str = Field(description="Its title before.")
    app_url: str
    dry_run: bool
    needs_approval: bool
    created_at: datetime
    ended_at: datetime | None
    tokens: int
    cost_usd: float | None = Field(description="Null where no price is known.")
    error: ErrorBody | None
    tasks: list[StoryTask] = Field(description="Those that are still kept, in their order.")


class StoryPage(Shape):
    items: list[StorySummary]
    next_cursor: str | None


class StoryAfter(Shape):
    """What is written to Shortcut, or would be."""

    name: str
    description: str
    labels: list[str]
    comment: str


class StoryDiff(Shape):
    """What differs between before and after, the title's line first."""

    is_name_changed: bool
    is_description_changed: bool
    labels_added: list[str]
    labels_removed: list[str]
    lines_added: int
    lines_removed: int
    name: list[DiffLineShape]
    description: list[DiffLineShape]
    is_cut: bool = Field(description="Whether there are more lines than these.")


class StoryShape(StorySummary):
    """A story, whole. What no stage has made yet is null."""

    before: Story | None = Field(description="As it was read from Shortcut.")
    after: StoryAfter | None
    diff: StoryDiff | None
    theirs: Story | None = Field(description="In a conflict: the story as somebody had changed it meanwhile.")
    triage: Triage | None
    analysis: Analysis | None
    enhancement: Enhancement | None
    steps: list[AgentStep] = Field(description="Each call of a model or a tool, in order.")
    model: str | None
    max_tokens: int | None
    max_cost_usd: float | None
    left_out: list[str] = Field(description="What was not done, and why.")
    note: str = Field(description="Why it was rejected.")


class ApproveRequest(Request):
    """Nothing is asked."""


class RejectRequest(Request):
    note: str = Field("", max_length=1000, description="Why.")
