"""What a call of the Supabase store costs does not grow with what it passes over: how often its helpers run, by the database's count."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.ground.supabase import Gateway, Project

TASKS, CALLS = 200, 12
"""After five calls PostgreSQL may go by a plan that doesn't know the arguments: from then on lists were read for each row."""
WAITING = f"""
insert into gleanery.task (task_id, task_type, title, description, status, priority, queue_name, payload, progress, max_retries,
    run_at, created_at, depends_on, on_dependency_failure, webhook_states, last_seq, wakes_at)
select 'task_' || n, 'crawl', '', '', 'queued', 0, 'default', '{{}}', '{{}}', 3, 1, n, '[]', 'fail', '[]', 1,
    case when n % 2 = 0 then 4102444800 end
from generate_series(1, {TASKS}) as n
"""
WANTED = {
    "worker_id": "w",
    "lease_seconds": 60,
    "task_types": ["parse_page"],
    "type_limits": {},
    "queue_limits": {},
    "apart_types": ["crawl_part"],
    "suspect_losses": 3,
    "suspect_seconds": 60,
}


@pytest.mark.parametrize(
    ("name", "lists", "args"),
    [("tasks_claim_due", 2, {"wanted": WANTED, "limit": 4}), ("tasks_next_due_at", 1, {"task_types": ["parse_page"]})],
)
async def test_a_list_is_read_once_however_many_rows_wait(
    name: str, lists: int, args: Mapping[str, Any], supabase_project: Project, gateway: Gateway
) -> None:
    with supabase_project.connect() as database:
        database.execute("set track_functions = 'all'")
        database.execute(WAITING)
        database.execute("select pg_stat_reset()")
        for _ in range(CALLS):
            database.execute("select public.gleanery_" + name + "(%s::jsonb)", (json.dumps(args),), prepare=True)
        database.execute("select pg_stat_force_next_flush()")
        [count] = database.execute(
            "select coalesce(sum(calls), 0) from pg_stat_user_functions where funcname = 'texts'"
        ).fetchone() or [0]
    assert count <= CALLS * lists
