"""The webhook call that tells what a refresh changed, written in the transaction that makes it visible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gleanery.model import DeliveryState, PageChange, PageDelta, TaskStatus, new_id
from gleanery.store.generation_store import TOLD_PAGES
from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import compact, task_of

KIND = "source.changed"
_LEAST_STEP_SECONDS = 0.000_001


def note_changed(
    tx: Tx,
    task_id: str,
    source_id: str,
    number: int,
    base: int,
    counts: Mapping[PageChange, int],
    pages: Sequence[PageDelta],
) -> None:
    """Keep the call to the task's webhook, if it has one, hears of completion, and a page is another than before.

    `pages` are the first TOLD_PAGES of generation `number` against `base`. The call goes out before that of the task's end.
    """
    task = task_of(tx.db, task_id)
    if not any(counts.values()) or task.webhook_url is None or TaskStatus.COMPLETED not in task.webhook_states:
        return
    source = tx.db.execute("SELECT url, title FROM source WHERE source_id = ?", (source_id,)).fetchone()
    shown = pages[:TOLD_PAGES]
    data = {
        "source_id": source_id,
        "url": source["url"],
        "title": source["title"],
        "generation": number,
        "base": base,
        "task_id": task_id,
        "pages": {str(change): counts.get(change, 0) for change in PageChange},
        "changes": [
            {"change": str(page.change), "page_id": page.page_id, "url": page.url, "title": page.title}
            for page in shown
        ],
        "has_more": sum(counts.values()) > len(shown),
    }
    keep_call(tx, task_id, task.webhook_url, KIND, data)


def keep_call(tx: Tx, task_id: str, url: str, kind: str, data: Mapping[str, Any]) -> None:
    """Keep a call of a task's webhook, to go out after those kept before (https://www.standardwebhooks.com)."""
    # The calls of a task go out in the order of these times, also when the clock stands still or is set back.
    last = tx.db.execute("SELECT max(created_at) FROM delivery WHERE task_id = ?", (task_id,)).fetchone()[0]
    created_at = tx.now.timestamp() if last is None else max(tx.now.timestamp(), last + _LEAST_STEP_SECONDS)
    body = compact({"type": kind, "timestamp": tx.now.isoformat(), "data": data})
    tx.db.execute(
        "INSERT INTO delivery (delivery_id, task_id, url, type, body, state, created_at, next_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (new_id("msg"), task_id, url, kind, body, DeliveryState.PENDING, created_at, tx.now.timestamp()),
    )
