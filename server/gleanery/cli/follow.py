"""Following a task: every event once and in order, over as many live lines as it takes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from gleanery import errors
from gleanery.cli.client import Client, Update

GIVE_UP_SECONDS = 300.0
_FIRST_WAIT_SECONDS = 0.25
_LONGEST_WAIT_SECONDS = 5.0


@dataclass(frozen=True)
class Dropped:
    """The line is down; another is tried."""


@dataclass(frozen=True)
class Restored:
    """The line is up again."""


async def follow(
    client: Client, task_id: str, after: int = 0, *, give_up_seconds: float = GIVE_UP_SECONDS
) -> AsyncGenerator[Update | Dropped | Restored, None]:
    """What happens to the task from the event after `after` on, until it has ended and all is told.

    Raises ServerUnreachable when nobody answered for `give_up_seconds`, ServerRefused when the task is gone.
    """
    seq, tries, down_since = after, 0, 0.0
    await client.task(task_id)  # so that a wrong id, key or server is told at once and plainly
    while True:
        try:
            async with client.updates(task_id, seq) as line, aclosing(_in_order(line, seq)) as updates:
                async for update in updates:
                    if tries:
                        tries = 0
                        yield Restored()
                    seq = update.seq
                    yield update
                    if update.status.is_final and await _is_over(client, task_id, seq):
                        return
        except errors.GleaneryError as error:
            if not _can_pass(error):
                raise
            if tries and time.monotonic() - down_since > give_up_seconds:
                raise
        if not tries:
            down_since = time.monotonic()
        wait = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2**tries)
        tries = min(tries + 1, 10)
        yield Dropped()
        await asyncio.sleep(wait)


async def _in_order(line: AsyncIterator[Update], seq: int) -> AsyncGenerator[Update, None]:
    """The updates with only the events after `seq`. Ends early where one is missing: the next line brings it. What a line
    leaves out at its beginning is no longer kept: no line can bring it."""
    is_first = True
    async for update in line:
        seq, is_first = max(seq, update.prev_seq) if is_first else seq, False
        events = [event for event in update.events if event.seq > seq]
        if [event.seq for event in events] != list(range(seq + 1, seq + 1 + len(events))) or update.prev_seq > seq:
            return
        seq += len(events)
        yield Update(update.prev_seq, seq, events, update.status, update.progress)


async def _is_over(client: Client, task_id: str, seq: int) -> bool:
    task = await client.task(task_id)
    return task.status.is_final and seq >= task.last_seq


def _can_pass(error: errors.GleaneryError) -> bool:
    return error.can_retry or (isinstance(error, errors.ServerRefused) and error.status >= 500)
