"""`GroupTracesHandler`: batch by batch in a process that can be killed; what is grouped stays grouped."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gleanery.engine.handler import Outcome, TaskContext, TaskSpec
from gleanery.engine.process import in_process
from gleanery.engine.retry import RetryPolicy
from gleanery.handlers.group_traces.payload import TASK_TYPE, GroupTracesPayload, key_of
from gleanery.model.traces import GroupChange, TraceVariable
from gleanery.store.traces import GroupEventWrite, GroupWrite, Place, Regrouping, TraceStore

BATCH_TRACES = 5_000
BATCH_CHARACTERS = 8_000_000
MEMORY_LIMIT_MB = 2048
SHARE_OF_TIME = 0.5
"""Of the time limit, after which a grouping ends well and asks for another one."""

Again = Callable[[Place], None]
Piece = Mapping[str, Any]


@dataclass
class _Tally:
    traces: int = 0
    moved: int = 0
    changes: Counter[str] = field(default_factory=Counter)

    def result(self, place: Place, left: int) -> dict[str, Any]:
        events = {f"groups_{change}": self.changes[change] for change in GroupChange}
        return {
            "project_id": place.project_id,
            "path": place.path,
            "traces": self.traces,
            "moved": self.moved,
            **events,
            "left": left,
        }


class GroupTracesHandler:
    """`Handler` for tasks of type `group_traces`. `again` asks for a further one for a place."""

    def __init__(self, store: TraceStore, timeout_seconds: float, again: Again) -> None:
        self.spec = TaskSpec(
            TASK_TYPE,
            GroupTracesPayload,
            description="Groups of traces that are one template",
            retry=RetryPolicy(max_retries=3),
            timeout_seconds=timeout_seconds,
            memory_limit_mb=MEMORY_LIMIT_MB,
            coalesce_key=key_of,
            serial_key=key_of,
        )
        self._store = store
        self._again = again
        self._most_seconds = timeout_seconds * SHARE_OF_TIME

    async def run(self, ctx: TaskContext, payload: GroupTracesPayload) -> Outcome:
        began, place, tally = time.monotonic(), Place(payload.project_id, payload.path), _Tally()
        left = total = await self._store.waiting(place)
        await self._settle(ctx, place, tally)
        while left and time.monotonic() - began < self._most_seconds:
            await self._batch(ctx, place, tally)
            await self._settle(ctx, place, tally)
            left = await self._store.waiting(place)
            total = max(total, tally.traces + left)
            await ctx.advance("grouping", tally.traces, total, f"{tally.traces:,} of {total:,} traces are in groups")
        if left:
            self._again(place)
        message = f"{tally.traces:,} traces grouped" + (f", {left:,} are left for the next task" if left else "")
        return Outcome(tally.result(place, left), None, message)

    async def _batch(self, ctx: TaskContext, place: Place, tally: _Tally) -> None:
        """The oldest traces that wait. Their groups are kept first: what a crash leaves out is grouped again."""
        stands = await self._store.stands(place)
        samples = await self._store.texts([row for stand in stands for row in stand.sample_rows])
        request = {
            "waiting": await self._store.waiting_texts(place, limit=BATCH_TRACES, most_characters=BATCH_CHARACTERS),
            "stands": [vars(stand) for stand in stands],
            "samples": list(samples.items()),
        }
        found = await in_process(ctx, "gleanery.handlers.group_traces.work:group", request)
        regrouping = await asyncio.to_thread(_regrouping, found)
        await self._store.keep_groups(ctx.fence, place, regrouping)
        tally.traces += await self._assign(ctx, found)
        tally.changes.update(str(event.type) for event in regrouping.events)

    async def _assign(self, ctx: TaskContext, found: Sequence[Piece]) -> int:
        """Piece by piece; how many rows."""
        pieces = [piece["rows"] for piece in found if "rows" in piece]
        for rows in pieces:
            await self._store.assign(ctx.fence, dict(rows))
        return sum(map(len, pieces))

    async def _settle(self, ctx: TaskContext, place: Place, tally: _Tally) -> None:
        """Traces of groups that were split or merged find the template that they fit now."""
        group_ids = await self._store.unsettled(place)
        if not group_ids:
            return
        stands = [vars(stand) for stand in await self._store.stands(place)]
        async for members in self._members(group_ids):
            request = {"stands": stands, "rows": members}
            found = await in_process(ctx, "gleanery.handlers.group_traces.work:settle", request)
            tally.moved += await self._assign(ctx, found)
        await self._store.settle(ctx.fence, group_ids)

    async def _members(self, group_ids: Sequence[str]) -> AsyncIterator[Sequence[tuple[int, str, str]]]:
        """Row, group and instruction of all traces of groups, as many at once as a batch has."""
        batch, characters = list[tuple[int, str, str]](), 0
        for group_id in group_ids:
            after = 0
            while rows := await self._store.members(
                group_id, after=after, limit=BATCH_TRACES, most_characters=BATCH_CHARACTERS
            ):
                batch += [(row, group_id, text) for row, text in rows]
                characters += sum(len(text) for _, text in rows)
                after = rows[-1][0]
                if len(batch) >= BATCH_TRACES or characters >= BATCH_CHARACTERS:
                    yield batch
                    batch, characters = [], 0
        if batch:
            yield batch


def _regrouping(found: Sequence[Piece]) -> Regrouping:
    head = found[0]
    return Regrouping(
        groups=tuple(_group(group) for piece in found for group in piece.get("groups", ())),
        events=tuple(
            GroupEventWrite(
                event["group_id"], GroupChange(event["type"]), tuple(event["constants"]), tuple(event["others"])
            )
            for event in head["events"]
        ),
        merged=head["merged"],
        unsettled=frozenset(head["unsettled"]),
    )


def _group(told: Mapping[str, Any]) -> GroupWrite:
    return GroupWrite(
        told["group_id"],
        tuple(told["constants"]),
        tuple(
            TraceVariable(one["name"], one["type"], one["is_optional"], tuple(one["samples"]), tuple(one["choices"]))
            for one in told["variables"]
        ),
        told["confidence"],
        tuple(told["sample_rows"]),
        told["checked_at"],
    )
