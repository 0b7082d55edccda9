"""`ParseStore` over Supabase. What a method does is told in `store/parses.py`, how in sql/070."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime

from gleanery import errors
from gleanery.model import Fence, NewEvent, NewTask, Progress, Task, TaskStatus
from gleanery.store.parse_rows import (
    BODY,
    LOST_SECONDS,
    PART_BYTES,
    PNG,
    dump_secrets,
    missing_part,
    page_from,
    page_row,
    secrets_from,
)
from gleanery.store.parses import TASK_TYPE, NewParse, Parse, Secrets, WebPage
from gleanery.store.rows import Row, event_row, fence_row, new_task_row, progress_row, seconds, task_from
from gleanery.store.supabase.client import Rest
from gleanery.store.values import Idempotency

PARTS_AT_ONCE = 4
"""Read at once: no answer holds the loop for long."""


class SupabaseParses:
    """`ParseStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def start(
        self,
        new: NewTask,
        parse: NewParse,
        *,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
    ) -> Task:
        row = await self._rest.write(
            "parses_start",
            task=new_task_row(new),
            parse={**asdict(parse), "secrets": dump_secrets(parse.secrets)},
            idempotency=None if idempotency is None else asdict(idempotency),
            queue_limit=queue_limit,
        )
        return task_from(row)

    async def secrets(self, task_id: str) -> Secrets | None:
        text = await self._rest.call("parses_secrets", task_id=task_id)
        return None if text is None else secrets_from(text)

    async def usable(self, cache_key: str, *, at: datetime | None, began_after: datetime) -> WebPage | None:
        row = await self._rest.call(
            "parses_usable", cache_key=cache_key, at=seconds(at), began_after=began_after.timestamp()
        )
        return None if row is None else page_from(row)

    async def keep(
        self,
        fence: Fence,
        page: WebPage,
        body: bytes,
        png: bytes | None,
        events: Sequence[NewEvent],
        progress: Progress,
        *,
        memory_usage_mb: float,
    ) -> Task:
        await self._keep_parts(fence, page.web_page_id, BODY, body)
        await self._keep_parts(fence, page.web_page_id, PNG, png or b"")
        row = await self._rest.write(
            "parses_keep",
            fence=fence_row(fence),
            page=page_row(page),
            events=[event_row(event) for event in events],
            progress=progress_row(progress, events),
            memory_usage_mb=memory_usage_mb,
        )
        return task_from(row)

    async def _keep_parts(self, fence: Fence, web_page_id: str, kind: str, data: bytes) -> None:
        for number, start in enumerate(range(0, len(data), PART_BYTES)):
            await self._rest.write(
                "parses_keep_part",
                fence=fence_row(fence),
                web_page_id=web_page_id,
                kind=kind,
                number=number,
                data=base64.b64encode(data[start : start + PART_BYTES]).decode(),
            )

    async def use(self, fence: Fence, web_page_id: str) -> None:
        await self._rest.write("parses_use", fence=fence_row(fence), web_page_id=web_page_id)

    async def get(self, id: str) -> Parse:
        return _parse(await self._rest.call("parses_get", id=id))

    async def list(
        self, *, url_key: str | None, statuses: Sequence[TaskStatus], after: tuple[float, str] | None, limit: int
    ) -> Sequence[Parse]:
        rows = await self._rest.call("parses_list", url_key=url_key, statuses=list(statuses), after=after, limit=limit)
        return [_parse(row) for row in rows]

    async def body(self, web_page_id: str) -> bytes:
        return await self._whole(BODY, web_page_id)

    async def screenshot(self, web_page_id: str) -> bytes:
        return await self._whole(PNG, web_page_id)

    async def _whole(self, kind: str, web_page_id: str) -> bytes:
        found = list[bytes]()
        while True:
            some = await self._rest.call(
                "parses_parts", web_page_id=web_page_id, kind=kind, start=len(found), limit=PARTS_AT_ONCE
            )
            found += [base64.b64decode(part) for part in some or ()]
            if some is None or not found:
                raise errors.NotFound(missing_part(kind), web_page_id)
            if len(some) < PARTS_AT_ONCE:
                return b"".join(found)

    async def position(self, task_id: str) -> int | None:
        place: int | None = await self._rest.call("parses_position", task_id=task_id)
        return place

    async def in_hand(self) -> int:
        return int(await self._rest.call("parses_in_hand", task_type=TASK_TYPE))

    async def timings(self, limit: int) -> Sequence[Mapping[str, float]]:
        return [json.loads(text) for text in await self._rest.call("parses_timings", limit=limit)]

    async def evict(self, max_bytes: int, limit: int) -> int:
        return int(await self._rest.write("parses_evict", max_bytes=max_bytes, limit=limit))

    async def forget(self, limit: int) -> int:
        return int(await self._rest.write("parses_forget", limit=limit, lost_seconds=LOST_SECONDS))


def _parse(row: Row) -> Parse:
    page = row["page"]
    return Parse(task_from(row["task"]), row["web_page_id"], None if page is None else page_from(page))
