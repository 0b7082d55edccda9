"""What stories are worked on with: Shortcut's client, the agents and what they may reach."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gleanery import __version__
from gleanery.agents.stories import stages
from gleanery.agents.stories.runtime import Runtime
from gleanery.announcement import announced_address
from gleanery.app.ground import Ground
from gleanery.config import Settings, is_loopback, user_agent
from gleanery.engine.handler import Handler
from gleanery.handlers.crawl.run import CrawlParts
from gleanery.handlers.stories.door import StoryDoor
from gleanery.handlers.stories.hands import Reach
from gleanery.handlers.stories.stages import StageFunctions, StageHandler
from gleanery.handlers.stories.write_back import WriteBackHandler
from gleanery.knowledge.search import Searcher
from gleanery.model.stories import Stage
from gleanery.web.fetch import Fetcher, FetchLimits
from gleanery.web.guard import AddressPolicy
from gleanery.web.shortcut import ShortcutClient


@dataclass(frozen=True)
class OthersOnly(AddressPolicy):
    """Nothing of this server, also where loopback is allowed: what a story links to is told to a model, and here no key may be
    asked for."""

    data_dir: Path = Path()

    def permits(self, address: str, port: int | None = None) -> bool:
        own = announced_address(self.data_dir)
        if own is not None and port == own[1] and (address == own[0] or is_loopback(address)):
            return False
        return AddressPolicy.permits(self, address, port)


@dataclass(frozen=True)
class Outside:
    """The ways out that stories have: to Shortcut, and to what they link to."""

    shortcut: ShortcutClient
    fetcher: Fetcher


async def outside(settings: Settings, stack: contextlib.AsyncExitStack, policy: AddressPolicy) -> Outside:
    agent = user_agent(__version__)
    timeout = settings.shortcut_timeout_seconds
    shortcut = ShortcutClient(settings.shortcut_url, policy, agent, timeout_seconds=timeout)
    limits = FetchLimits(total_seconds=settings.fetch_timeout_seconds, max_bytes=settings.max_page_bytes)
    fetcher = Fetcher(OthersOnly(policy.allow, None, settings.data_dir), agent, limits=limits)
    return Outside(await stack.enter_async_context(shortcut), await stack.enter_async_context(fetcher))


def story_door(settings: Settings, ground: Ground) -> StoryDoor:
    door = StoryDoor(
        ground.store.stories,
        queue_limit=settings.queue_limit,
        is_inline=not settings.background_processing,
        clock=ground.store.clock,
    )
    ground.feed.listen(door.hear)
    return door


def story_handlers(ground: Ground, parts: CrawlParts, out: Outside, runtime: Runtime | None) -> Sequence[Handler]:
    search = Searcher(ground.store.search, ground.vectors, ground.executor)
    reach = Reach(search, out.fetcher, parts.extract_pool, out.shortcut)
    functions = StageFunctions(stages.triage, stages.analyze, stages.enhance)
    store = ground.store.stories
    return (
        *(StageHandler(stage, store, reach, functions, runtime) for stage in Stage),
        WriteBackHandler(store, out.shortcut),
    )
