"""What stories are worked on with: Shortcut's client, the agents and what they may reach."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from gleanery import __version__
from gleanery.agents.stories import stages
from gleanery.agents.stories.runtime import Runtime
from gleanery.app.ground import Ground
from gleanery.config import Settings, user_agent
from gleanery.engine.handler import Handler
from gleanery.handlers.crawl.run import CrawlParts
from gleanery.handlers.stories.door import StoryDoor
from gleanery.handlers.stories.hands import Reach
from gleanery.handlers.stories.stages import StageFunctions, StageHandler
from gleanery.handlers.stories.write_back import WriteBackHandler
from gleanery.knowledge.search import Searcher
from gleanery.model import utc_now
from gleanery.model.stories import Stage
from gleanery.web.guard import AddressPolicy
from gleanery.web.shortcut import ShortcutClient


async def shortcut_client(
    settings: Settings, stack: contextlib.AsyncExitStack, policy: AddressPolicy
) -> ShortcutClient:
    client = ShortcutClient(
        settings.shortcut_url, policy, user_agent(__version__), timeout_seconds=settings.shortcut_timeout_seconds
    )
    return await stack.enter_async_context(client)


def story_door(settings: Settings, ground: Ground) -> StoryDoor:
    door = StoryDoor(
        ground.store.stories,
        queue_limit=settings.queue_limit,
        is_inline=not settings.background_processing,
        clock=utc_now,
    )
    ground.feed.listen(door.hear)
    return door


def story_handlers(
    ground: Ground, parts: CrawlParts, shortcut: ShortcutClient, runtime: Runtime | None
) -> Sequence[Handler]:
    search = Searcher(ground.store.search, ground.vectors, ground.executor)
    reach = Reach(search, parts.fetcher, parts.extract_pool, shortcut)
    functions = StageFunctions(stages.triage, stages.analyze, stages.enhance)
    store = ground.store.stories
    return (
        *(StageHandler(stage, store, reach, functions, runtime) for stage in Stage),
        WriteBackHandler(store, shortcut),
    )
