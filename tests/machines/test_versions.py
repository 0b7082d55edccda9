"""Two versions at once, as in a rolling restart: of workers, and of the schema."""

from __future__ import annotations

import pytest

from gleanery.errors import StorageError
from gleanery.model import TaskStatus
from gleanery.store.supabase import SupabaseStore
from gleanery.store.values import TaskFilter
from tests.machines.cluster import Cluster
from tests.machines.conftest import StartMachine

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


async def test_a_type_that_the_older_worker_does_not_know_waits_for_the_newer(
    cluster: Cluster, start_machine: StartMachine
) -> None:
    """Expected: the older one leaves it alone, whose first attempt it stays; what both know goes on in both."""
    old = await start_machine("old")
    await old.until("ready")
    new_type = await cluster.enqueue("later")
    known = [await cluster.enqueue() for _ in range(3)]
    await cluster.ended(known)
    waiting = await cluster.store.tasks.get(new_type.task_id)
    assert (waiting.status, waiting.attempt) == (TaskStatus.QUEUED, 0)
    new = await start_machine("new", "--types", "steps,later")
    await new.until("ready")
    (done,) = await cluster.ended([new_type])
    assert (done.status, done.attempt) == (TaskStatus.COMPLETED, 1)
    assert await old.end() == 0
    more = [await cluster.enqueue() for _ in range(3)]
    await cluster.ended(more)
    assert await new.end() == 0
    await cluster.check([new_type, *known, *more])


async def test_a_worker_goes_on_under_a_newer_schema_and_none_of_its_version_starts_again(
    cluster: Cluster, start_machine: StartMachine
) -> None:
    """Expected: what runs already is not disturbed by a migration that adds to the schema; a process of the older version that
    starts after it is refused and told what to do."""
    old = await start_machine("old")
    await old.until("ready")
    running = await cluster.enqueue(steps=6, seconds=0.3)
    await old.until("began")
    with cluster.project.connect() as connection:
        connection.execute("alter table gleanery.task add column a_newer_one text")
        connection.execute("insert into gleanery.migration (number, name, checksum) values (9999, 'newer', 'x')")
    try:
        later = await cluster.enqueue()
        rows = await cluster.ended([running, later])
        assert [(row.status, row.attempt) for row in rows] == [(TaskStatus.COMPLETED, 1)] * 2
        with pytest.raises(StorageError, match="newer"):
            async with SupabaseStore(cluster.gateway.url, cluster.project.service_key, lambda _: None):
                pass
        again = await start_machine("again")
        assert await again.over() != 0
        assert await old.end() == 0
        await cluster.check([running, later])
        assert len(await cluster.store.tasks.list(TaskFilter(), after=None, limit=10)) == 2
    finally:
        with cluster.project.connect() as connection:
            connection.execute("delete from gleanery.migration where number = 9999")
            connection.execute("alter table gleanery.task drop column a_newer_one")
