"""The door: a webhook becomes stories with their tasks, a decision becomes a write-back; and who waits hears of the end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from gleanery import errors
from gleanery.handlers.stories.payload import SPECS, StoryPayload, stage_tasks, write_back_task
from gleanery.handlers.stories.webhook import Wanted, check_age, check_signature, read_event, wanted_by
from gleanery.model import Clock, new_id
from gleanery.model.stories import StoryState, Workspace
from gleanery.store.stories import NewStory, Received, StoryRun, StoryStore
from gleanery.store.values import Change, Idempotency

INLINE_URGENCY = 30
INLINE_SECONDS = 300.0
"""Whoever waits for the end of a story is answered after so long in any case; the work goes on."""


@dataclass
class WebhookCounts:
    """What came of the webhooks since this process began."""

    accepted: int = 0
    ignored: int = 0
    replayed: int = 0
    refused: int = 0


class StoryDoor:
    """`is_inline`: stories are waited for, so they go before others."""

    def __init__(self, store: StoryStore, *, queue_limit: int, is_inline: bool, clock: Clock) -> None:
        self.counts = WebhookCounts()
        self.is_inline = is_inline
        self._store = store
        self._queue_limit = queue_limit
        self._clock = clock
        self._waiting: dict[str, set[asyncio.Event]] = {}

    async def receive(self, workspace: str, body: bytes, signature: str | None) -> Received:
        """What a webhook asks for, kept. Raises NotFound, SecretMissing, SignatureWrong, BadRequest, InvalidInput, QueueFull."""
        try:
            received = await self._receive(workspace, body, signature)
        except errors.GleaneryError:
            self.counts.refused += 1
            raise
        if not received.is_new:
            self.counts.replayed += 1
        elif received.answer["stories"]:
            self.counts.accepted += 1
        else:
            self.counts.ignored += 1
        return received

    async def _receive(self, name: str, body: bytes, signature: str | None) -> Received:
        workspace, secrets = await self._store.secrets(name)
        if secrets.secret is None:
            raise errors.SecretMissing(
                f"The workspace {name} has no secret, so none of its webhooks can be checked: set one.", workspace=name
            )
        check_signature(body, signature, secrets.secret)
        event = read_event(body)
        try:
            check_age(event, workspace.max_age_seconds, self._clock())
        except errors.InvalidInput:
            if (known := await self._store.delivery(name, event.id)) is not None:
                return Received(known, is_new=False)
            raise
        stories = [self._story(workspace, wanted) for wanted in wanted_by(event, workspace)]
        answer = {
            "delivery_id": event.id,
            "stories": [
                {
                    "story_id": story.story_id,
                    "shortcut_id": story.shortcut_id,
                    "goal": story.goal,
                    "task_ids": [task.task_id for task in story.tasks],
                }
                for story in stories
            ],
        }
        return await self._store.receive(name, event.id, stories, answer, queue_limit=self._queue_limit)

    def _story(self, workspace: Workspace, wanted: Wanted) -> NewStory:
        story_id = new_id("sty")
        payload = StoryPayload(
            story_id=story_id, workspace=workspace.name, shortcut_id=wanted.shortcut_id, goal=wanted.goal
        )
        tasks = stage_tasks(payload, workspace, wanted.name, INLINE_URGENCY if self.is_inline else 0)
        return NewStory(story_id, workspace, wanted.shortcut_id, wanted.goal, wanted.name, wanted.app_url, tasks)

    async def approve(self, story_id: str, idempotency: Idempotency | None = None) -> StoryRun:
        """Raises NotFound, WrongState, QueueFull and IdempotencyConflict."""
        run = await self._store.story(story_id)
        after = run.tasks[-1].task_id if run.tasks else None
        return await self._store.approve(
            story_id, write_back_task(run, after), idempotency=idempotency, queue_limit=self._queue_limit
        )

    def hear(self, changes: Sequence[Change]) -> None:
        """For the change feed."""
        for change in changes:
            if self._waiting and change.task.task_type in SPECS and change.task.status.is_final:
                for bell in self._waiting.get(str(change.task.payload.get("story_id")), ()):
                    bell.set()

    async def ended(self, story_ids: Sequence[str]) -> Sequence[StoryRun]:
        """The stories when nothing is left to do for them without somebody's word, or as they stand after a long time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(INLINE_SECONDS):
                for story_id in story_ids:
                    await self._end_of(story_id)
        return [await self._store.story(story_id) for story_id in story_ids]

    async def _end_of(self, story_id: str) -> None:
        bell = asyncio.Event()
        self._waiting.setdefault(story_id, set()).add(bell)
        try:
            while (await self._store.story(story_id)).state in (StoryState.WAITING, StoryState.WORKING):
                await bell.wait()
                bell.clear()
        finally:
            self._waiting[story_id].discard(bell)
            if not self._waiting[story_id]:
                del self._waiting[story_id]
