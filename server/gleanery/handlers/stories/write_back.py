"""Tasks of type `write_back_story`: what was proposed is written to Shortcut, once, and over nobody's changes.

Shortcut has no compare-and-set and no idempotency keys. So each write is looked for before it is made: a description by its
text and its mark, a comment by its id and its mark. What an attempt that died has written is found by the next one.
"""

from __future__ import annotations

from gleanery import errors
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec
from gleanery.handlers.stories.payload import SPECS, StoryPayload, check_of
from gleanery.handlers.stories.proposal import comment_id_of, mark_of
from gleanery.handlers.stories.stages import OVER, token_of
from gleanery.model.stories import Proposal, Story, StoryState
from gleanery.store.stories import WRITE_BACK, StoryRun, StoryStore
from gleanery.web.shortcut import ReadStory, ShortcutClient


class WriteBackHandler:
    """`Handler` for tasks of type `write_back_story`."""

    spec: TaskSpec = SPECS[WRITE_BACK]

    def __init__(self, store: StoryStore, shortcut: ShortcutClient) -> None:
        self._store = store
        self._shortcut = shortcut

    async def run(self, ctx: TaskContext, payload: StoryPayload) -> Outcome:
        run = await self._store.story(payload.story_id)
        check_of(run, payload)
        if run.state in OVER:
            return _outcome(run, run.state, f"Nothing to do: the story is {run.state}")
        results = await self._store.results(run.story_id)
        if results.proposal is None or results.before is None or run.state is StoryState.NEEDS_APPROVAL:
            raise errors.WrongState("Nothing of this story is to be written.", story_id=run.story_id, state=run.state)
        if run.settings.dry_run:
            return await self._end(ctx, run, StoryState.DRY_RUN, "A dry run: nothing was written")
        token = await token_of(self._store, run)
        await ctx.advance("write-back", 0, 2, "Looking at the story as it is now")
        now = await self._shortcut.story(token, run.shortcut_id)
        if _is_conflict(run, results.before, results.proposal, now):
            message = "Somebody has changed the story meanwhile: nothing was written"
            return await self._end(ctx, run, StoryState.CONFLICT, message, now.story)
        await self._update(ctx, run, token, results.proposal, now.story)
        await self._comment(ctx, run, token, results.proposal, now)
        return await self._end(ctx, run, StoryState.WRITTEN, "Written to Shortcut")

    async def _update(self, ctx: TaskContext, run: StoryRun, token: str, proposal: Proposal, now: Story) -> None:
        is_written = _is_written(run, proposal, now)
        name = None if is_written or proposal.name == now.name else proposal.name
        description = None if is_written else proposal.description
        labels = _labels(proposal, now)
        if name is None and description is None and set(labels) == set(now.labels):
            return
        await self._hold(ctx, 0, "Writing the story")
        await self._shortcut.update(token, run.shortcut_id, name=name, description=description, labels=labels)

    async def _comment(self, ctx: TaskContext, run: StoryRun, token: str, proposal: Proposal, now: ReadStory) -> None:
        mark = mark_of(run.story_id)
        is_there = comment_id_of(run.story_id) in now.comment_ids or any(mark in text for text in now.story.comments)
        if is_there or not proposal.comment:
            return
        await self._hold(ctx, 1, "Writing the comment")
        await self._shortcut.comment(token, run.shortcut_id, proposal.comment, comment_id_of(run.story_id))

    async def _hold(self, ctx: TaskContext, done: int, message: str) -> None:
        """Right before a write: LeaseLost where another worker has the task by now."""
        await ctx.advance("write-back", done, 2, message)
        await ctx.report(ctx.progress)

    async def _end(
        self, ctx: TaskContext, run: StoryRun, state: StoryState, message: str, theirs: Story | None = None
    ) -> Outcome:
        await self._store.end(ctx.fence, run.story_id, state, theirs)
        return _outcome(run, state, message)


def _is_conflict(run: StoryRun, before: Story, proposal: Proposal, now: ReadStory) -> bool:
    """Whether a write would go over what a person wrote. A comment or a label of theirs, or another column, is none."""
    if proposal.name is None and proposal.description is None:
        return False
    return now.story.content_hash != before.content_hash and not _is_written(run, proposal, now.story)


def _is_written(run: StoryRun, proposal: Proposal, now: Story) -> bool:
    """Whether an attempt before has written it; also where a person has gone on from there."""
    if proposal.description is not None:
        return mark_of(run.story_id) in now.description
    return proposal.name is None or now.name == proposal.name


def _labels(proposal: Proposal, now: Story) -> list[str]:
    kept = [label for label in now.labels if label not in proposal.labels_removed]
    return [*kept, *(label for label in proposal.labels_added if label not in kept)]


def _outcome(run: StoryRun, state: StoryState, message: str) -> Outcome:
    return Outcome({"story_id": run.story_id, "state": state.value}, None, message)
