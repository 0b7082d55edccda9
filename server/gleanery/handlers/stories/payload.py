"""What the tasks of a story are told, and the names of their types."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from gleanery.model.stories import Goal, Stage

TRIAGE, ANALYZE, ENHANCE, WRITE_BACK = "triage_story", "analyze_story", "enhance_story", "write_back_story"

STAGES_OF = {
    Goal.ANALYZE: ((TRIAGE, Stage.TRIAGE), (ANALYZE, Stage.ANALYSIS)),
    Goal.ENHANCE: ((TRIAGE, Stage.TRIAGE), (ANALYZE, Stage.ANALYSIS), (ENHANCE, Stage.ENHANCEMENT)),
}


class StoryPayload(BaseModel):
    """`workspace`, `shortcut_id` and `goal` make the keys; all else is read from the story's row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    story_id: str = Field(max_length=64, description="The story to work on.")
    workspace: str = Field(max_length=64, description="Its workspace.")
    shortcut_id: int = Field(description="Its number in Shortcut.")
    goal: Goal = Field(description="`analyze` or `enhance`.")
