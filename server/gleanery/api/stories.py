"""`/stories`: what was asked for by webhooks, what came of it, and the word of those who decide; and the webhooks' door."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from gleanery import errors
from gleanery.api import present
from gleanery.api import story_shapes as shapes
from gleanery.api.change_shapes import lines_of
from gleanery.api.http import answer, cursor_of, idempotency_of, int_of, limit_of, make_cursor, read
from gleanery.api.knowledge import time_key
from gleanery.api.route import PAGED, Query, Route
from gleanery.handlers.stories.door import StoryDoor
from gleanery.handlers.stories.payload import STAGES
from gleanery.handlers.stories.webhook import SIGNATURE_HEADER
from gleanery.knowledge.line_diff import Budget, TextDiff, diff_lines
from gleanery.model import Task, TaskStatus
from gleanery.model.stories import OPEN_STATES, Proposal, Story, StoryState
from gleanery.store.stories import WRITE_BACK, StoryResults, StoryRun, StoryStore

_STAGES = {**{task_type: stage.value for stage, task_type in STAGES.items()}, WRITE_BACK: "write_back"}
_TAG = "stories"
_STORY = "/api/v1/stories/{story_id}"


class StoriesApi:
    """The routes. The webhooks' asks for no key: their signature is the key."""

    def __init__(self, store: StoryStore, door: StoryDoor) -> None:
        self._store = store
        self._door = door

    def routes(self) -> Sequence[Route]:
        hook = "/api/v1/webhooks/shortcut/{workspace}"
        queries = (
            Query("state", "Only stories in these states, with commas between.", values=[str(s) for s in StoryState]),
            Query("workspace", "Only stories of this workspace."),
            Query("shortcut_id", "Only the story of this number in Shortcut.", "integer"),
        )
        one, whole = shapes.StorySummary, shapes.StoryShape
        approve, reject = shapes.ApproveRequest, shapes.RejectRequest
        taken = (400, 403, 404, 413, 422, 503)
        return (
            Route("POST", hook, self.receive, "A webhook of Shortcut", _TAG, shapes.WebhookReply, None, 202, (), taken),
            Route(
                "GET",
                "/api/v1/stories",
                self.list,
                "All stories, newest first",
                _TAG,
                shapes.StoryPage,
                query=(*PAGED, *queries),
            ),
            Route("GET", _STORY, self.get, "One story with all that came of it", _TAG, whole, errors=(404,)),
            Route(
                "POST",
                f"{_STORY}/approve",
                self.approve,
                "Have it written to Shortcut",
                _TAG,
                one,
                approve,
                202,
                errors=(404, 409, 503),
                is_idempotent=True,
            ),
            Route(
                "DELETE", _STORY, self.delete, "Remove one that is not open", _TAG, None, status=204, errors=(404, 409)
            ),
            Route("POST", f"{_STORY}/reject", self.reject, "Have it not written", _TAG, one, reject, errors=(404, 409)),
        )

    async def receive(self, request: web.Request) -> web.Response:
        """Raises what `StoryDoor.receive` raises."""
        body = await request.read()
        received = await self._door.receive(
            request.match_info["workspace"], body, request.headers.get(SIGNATURE_HEADER)
        )
        told = received.answer["stories"]
        states = dict.fromkeys((each["story_id"] for each in told), StoryState.WAITING)
        if self._door.is_inline:
            states = {run.story_id: run.state for run in await self._door.ended(list(states))}
        stories = [shapes.AskedStory(**each, state=states[each["story_id"]]) for each in told]
        status = "accepted" if stories else "ignored"
        reply = shapes.WebhookReply(delivery_id=received.answer["delivery_id"], status=status, stories=stories)
        is_over = all(story.state not in (StoryState.WAITING, StoryState.WORKING) for story in stories)
        return answer(reply, status=200 if is_over else 202)

    async def list(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._store.stories(
            states=_states(request.query.get("state")),
            workspace=request.query.get("workspace"),
            shortcut_id=int_of(request, "shortcut_id", 0) or None,
            after=time_key(cursor_of(request)),
            limit=limit,
        )
        last = rows[-1] if len(rows) == limit else None
        cursor = None if last is None else make_cursor(last.created_at.timestamp(), last.story_id)
        items = [shapes.StorySummary(**_summary(row)) for row in rows]
        return answer(shapes.StoryPage(items=items, next_cursor=cursor))

    async def get(self, request: web.Request) -> web.Response:
        run = await self._store.story(request.match_info["story_id"])
        results = await self._store.results(run.story_id)
        after = _after(results)
        diff = None
        if results.before is not None and after is not None and results.proposal is not None:
            diff = await asyncio.to_thread(_diff, results.before, after, results.proposal)
        made = [made for made in (results.triage, results.analysis, results.enhancement) if made is not None]
        shape = shapes.StoryShape(
            **_summary(run),
            before=results.before,
            after=after,
            diff=diff,
            theirs=results.theirs,
            triage=results.triage,
            analysis=results.analysis,
            enhancement=results.enhancement,
            steps=list(await self._store.steps(run.story_id)),
            model=run.settings.model,
            max_tokens=run.settings.max_tokens,
            max_cost_usd=run.settings.max_cost_usd,
            left_out=list(dict.fromkeys(each for value in made for each in value.left_out)),
            note=run.note,
        )
        return answer(shape)

    async def approve(self, request: web.Request) -> web.Response:
        """Raises NotFound, WrongState, QueueFull and IdempotencyConflict."""
        body = await read(request, shapes.ApproveRequest)
        run = await self._door.approve(request.match_info["story_id"], idempotency_of(request, body))
        location = {"Location": f"/api/v1/stories/{run.story_id}"}
        return answer(shapes.StorySummary(**_summary(run)), status=202, headers=location)

    async def delete(self, request: web.Request) -> web.Response:
        """Raises NotFound and WrongState."""
        await self._store.delete(request.match_info["story_id"])
        return web.Response(status=204)

    async def reject(self, request: web.Request) -> web.Response:
        """Raises NotFound and WrongState."""
        body = await read(request, shapes.RejectRequest)
        run = await self._store.reject(request.match_info["story_id"], body.note.strip())
        return answer(shapes.StorySummary(**_summary(run)))


def _states(text: str | None) -> Sequence[StoryState]:
    """Raises InvalidInput."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    try:
        return [StoryState(name) for name in names]
    except ValueError:
        raise errors.InvalidInput("state", f"must be some of {', '.join(StoryState)}") from None


def _summary(run: StoryRun) -> dict[str, Any]:
    """The fields of a StorySummary."""
    at_work = next((task for task in run.tasks if task.status is not TaskStatus.COMPLETED), None)
    failed = next((task for task in run.tasks if task.status is TaskStatus.FAILED), None)
    is_over = run.state not in (*OPEN_STATES, StoryState.FAILED, StoryState.CANCELLED)
    return {
        "story_id": run.story_id,
        "workspace": run.workspace,
        "shortcut_id": run.shortcut_id,
        "goal": run.goal,
        "state": run.state,
        "stage": "" if is_over else _stage(run, at_work),
        "name": run.name,
        "app_url": run.app_url,
        "dry_run": run.settings.dry_run,
        "needs_approval": run.settings.needs_approval,
        "created_at": run.created_at,
        "ended_at": run.ended_at,
        "tokens": run.tokens,
        "cost_usd": run.cost_usd,
        "error": None if failed is None or is_over else present.of_error(failed.error),
        "tasks": [
            shapes.StoryTask(task_id=task.task_id, task_type=task.task_type, status=task.status) for task in run.tasks
        ],
    }


def _stage(run: StoryRun, at_work: Task | None) -> str:
    if at_work is not None:
        return _STAGES[at_work.task_type]
    return "write_back" if run.state in (StoryState.NEEDS_APPROVAL, StoryState.WORKING) else ""


def _after(results: StoryResults) -> shapes.StoryAfter | None:
    before, proposal = results.before, results.proposal
    if before is None or proposal is None:
        return None
    kept = [label for label in before.labels if label not in proposal.labels_removed]
    return shapes.StoryAfter(
        name=before.name if proposal.name is None else proposal.name,
        description=before.description if proposal.description is None else proposal.description,
        labels=[*kept, *(label for label in proposal.labels_added if label not in kept)],
        comment=proposal.comment,
    )


def _diff(before: Story, after: shapes.StoryAfter, proposal: Proposal) -> shapes.StoryDiff:
    budget = Budget()
    name = diff_lines([before.name], [after.name], budget)
    description: TextDiff = diff_lines(
        before.description.splitlines(), after.description.splitlines(), budget, max_chars=100_000
    )
    return shapes.StoryDiff(
        is_name_changed=before.name != after.name,
        is_description_changed=before.description != after.description,
        labels_added=proposal.labels_added,
        labels_removed=[label for label in proposal.labels_removed if label in before.labels],
        lines_added=description.added,
        lines_removed=description.removed,
        name=lines_of(name.lines),
        description=lines_of(description.lines),
        is_cut=description.is_cut,
    )
