"""`ChangeFeed`: who listens hears, in order, until they stop."""

from __future__ import annotations

from gleanery.engine.events import ChangeFeed
from gleanery.model import NewTask
from gleanery.store.values import Change
from tests.engine.stage import Stage


async def test_every_listener_hears_the_same_in_the_same_order(stage: Stage) -> None:
    first: list[Change] = []
    second: list[Change] = []
    stage.feed.listen(first.extend)
    stop = stage.feed.listen(second.extend)
    tasks = [await stage.tasks.create(NewTask("demo", {})) for _ in range(3)]
    stop()
    last = await stage.tasks.create(NewTask("demo", {}))
    assert [change.task for change in first] == [*tasks, last]
    assert second == first[:3]


def test_a_listener_may_stop_while_it_hears() -> None:
    feed, heard = ChangeFeed(), list[str]()

    def once(_: object) -> None:
        heard.append("once")
        stop()

    stop = feed.listen(once)
    feed.listen(lambda _: heard.append("always"))
    feed.publish([])
    feed.publish([])
    assert heard == ["once", "always", "always"]


async def test_what_is_heard_is_stored_already(stage: Stage) -> None:
    heard: list[Change] = []
    stage.feed.listen(heard.extend)
    await stage.tasks.create(NewTask("demo", {}))
    [change] = heard
    assert await stage.tasks.get(change.task.task_id) == change.task
