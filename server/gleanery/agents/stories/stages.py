"""The stages of a story: triage → analysis → enhancement. What one makes is handed to the next, which runs in its own task."""

from __future__ import annotations

from gleanery.agents.stories.context import StageContext
from gleanery.model.stories import Analysis, Enhancement, Story, Triage


async def triage(ctx: StageContext, story: Story) -> Triage:
    """What kind of story it is and what it lacks. Raises ChatError."""
    raise NotImplementedError


async def analyze(ctx: StageContext, story: Story, triaged: Triage) -> Analysis:
    """What is known that matters for it. Raises ChatError."""
    raise NotImplementedError


async def enhance(ctx: StageContext, story: Story, triaged: Triage, analysis: Analysis) -> Enhancement:
    """A better story. Raises ChatError."""
    raise NotImplementedError
