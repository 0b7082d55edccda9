"""Whether a process is alone: by the workers that the store lists, and those of them that live."""

from __future__ import annotations

from gleanery.engine.company import Company
from gleanery.engine.tail import Tail
from gleanery.store.presence import FilePresence
from tests.engine.stage import Acting, Stage


async def nothing(_: object) -> None:
    return


async def test_only_others_that_live_are_company(stage: Stage) -> None:
    tail = Tail(stage.feed.publish)
    company = Company(stage.store.workers, FilePresence(stage.folder / "workers"), "us", tail)
    assert await company.is_alone()
    async with stage.worker(Acting(nothing), worker_id="us"):
        assert await company.is_alone()
        async with stage.worker(Acting(nothing), worker_id="them"):
            assert not await company.is_alone()
            (listed,) = [row for row in await stage.store.workers.list() if row.worker_id == "them"]
        assert await company.is_alone()
    await stage.store.workers.put(listed)  # as one that was killed leaves it
    assert await company.is_alone()
