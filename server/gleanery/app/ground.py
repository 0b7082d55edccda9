"""What everything stands on: the store and who hears of it, threads, models."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gleanery import log
from gleanery.agents.chat import ChatClient
from gleanery.agents.rank import ChatRanker
from gleanery.agents.stories.runtime import Api, Price, Runtime
from gleanery.config import Settings
from gleanery.engine.events import ChangeFeed
from gleanery.engine.tail import Tail
from gleanery.engine.threads import CountedExecutor
from gleanery.knowledge.budgets import ChunkBudgets
from gleanery.knowledge.embedders.factory import EmbedderFactory
from gleanery.knowledge.embedders.options import host_of, options_of
from gleanery.knowledge.embedding_models import EmbeddingModels
from gleanery.knowledge.rerank import ChatReranker, CrossEncoder, Reranker
from gleanery.knowledge.right_of_way import RightOfWay
from gleanery.knowledge.search import Searcher
from gleanery.knowledge.speller import Speller
from gleanery.knowledge.vectors import Vectors
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.supabase import SupabaseStore
from gleanery.store.supabase.notices import EVENTS, Notices
from gleanery.store.values import Change, OnChange
from gleanery.web.host_share import HostShare

_log = log.get(__name__)


@dataclass(frozen=True)
class Ground:
    """`is_searched` tells whether somebody may search in this process. `chat` and `runtime`, on which agents run, are None
    where no chat model is set. `feed` tells what any process writes, `own` what this one does; `notices` come from PostgreSQL,
    where a connection to it is set. `share` is what this process has of hosts that others ask too."""

    store: Store
    feed: ChangeFeed
    own: ChangeFeed
    share: HostShare
    notices: Notices | None
    tail: Tail
    executor: CountedExecutor
    vectors: Vectors
    models: EmbeddingModels
    budgets: ChunkBudgets
    right_of_way: RightOfWay
    chat: ChatClient | None
    is_searched: bool
    runtime: Runtime | None = None


async def ground(settings: Settings, stack: contextlib.AsyncExitStack, *, is_searched: bool = True) -> Ground:
    feed, own = ChangeFeed(), ChangeFeed()
    tail = Tail(feed.publish)

    def tell(changes: Sequence[Change]) -> None:
        tail.hear(changes)
        own.publish(changes)

    store = await stack.enter_async_context(_store(settings, tell))
    notices = _notices(settings, tail)
    await tail.start(store.tasks)
    stack.push_async_callback(tail.stop)
    share = await stack.enter_async_context(_share(store))
    executor = CountedExecutor(max(4, (os.cpu_count() or 1) + 2), "cpu")
    stack.callback(executor.shutdown, wait=False, cancel_futures=True)
    right_of_way = RightOfWay()
    vectors = Vectors(store.vectors, is_searched=is_searched, right_of_way=right_of_way, nearest=store.nearest)
    models = EmbeddingModels(store.vectors, vectors, _factory(settings, executor, right_of_way, share))
    stack.push_async_callback(models.aclose)
    await models.start(options_of(settings), may_change=is_searched)
    budgets = ChunkBudgets(vectors, settings.model_dir)
    chat = await _chat(settings, stack)
    runtime = None if chat is None else _runtime(settings, chat)
    if runtime is not None and await store.stories.workspaces():
        await runtime.open()  # now: it imports much, and that would hold the loop later
    return Ground(
        store,
        feed,
        own,
        share,
        notices,
        tail,
        executor,
        vectors,
        models,
        budgets,
        right_of_way,
        chat,
        is_searched,
        runtime,
    )


def _store(settings: Settings, on_change: OnChange) -> contextlib.AbstractAsyncContextManager[Store]:
    """Supabase where one is set, else a file in the data folder."""
    if settings.supabase_url is None or settings.supabase_service_key is None:
        return EmbeddedStore(settings.data_dir / "gleanery.db", on_change)
    return SupabaseStore(settings.supabase_url, settings.supabase_service_key.get_secret_value(), on_change)


def _share(store: Store) -> HostShare:
    """By a name that no process on another machine has, whatever the machines are called."""
    return HostShare(store.hosts, f"{os.uname().nodename}-{os.getpid()}-{secrets.token_hex(3)}", clock=store.clock)


def _notices(settings: Settings, tail: Tail) -> Notices | None:
    """Wake the tail; whoever else listens says so before they are started."""
    if settings.database_url is None:
        return None
    if settings.supabase_url is None:
        reason = "GLEANERY_DATABASE_URL is set and SUPABASE_URL is not: everything is kept in the data folder"
        _log.warning("connection to PostgreSQL not used", extra={"reason": reason})
        return None
    notices = Notices(settings.database_url.get_secret_value())
    notices.listen([EVENTS], tail.notice)
    tail.is_noticed = lambda: notices.is_heard
    return notices


def _factory(
    settings: Settings, executor: CountedExecutor, right_of_way: RightOfWay, share: HostShare
) -> EmbedderFactory:
    host = host_of(settings.openai_base_url)
    return EmbedderFactory(settings.model_dir, executor, _key(settings), host, right_of_way, share.processes)


async def _chat(settings: Settings, stack: contextlib.AsyncExitStack) -> ChatClient | None:
    if settings.chat_model is None:
        return None
    client = ChatClient(
        settings.chat_model,
        _key(settings),
        base_url=settings.openai_base_url,
        max_concurrency=settings.chat_concurrency,
        timeout_seconds=settings.chat_timeout_seconds,
        reasoning_effort=settings.chat_reasoning_effort,
    )
    stack.push_async_callback(client.aclose)
    await client.open()  # now: it imports much, and that would hold the loop later
    return client


def _runtime(settings: Settings, chat: ChatClient) -> Runtime:
    """On the chat model's own connection: what asks it keeps one bound on requests at once."""
    prices = settings.chat_price_per_million
    return Runtime(
        chat.connection,
        api=None if settings.chat_api is None else Api(settings.chat_api),
        reasoning_effort=settings.chat_reasoning_effort,
        price=None if prices is None else Price(*prices),
    )


def searcher(settings: Settings, ground: Ground, speller: Speller) -> Searcher:
    """Raises InvalidInput for a reranker that isn't there."""
    return Searcher(
        ground.store.search,
        ground.vectors,
        ground.executor,
        speller=speller,
        reranker=_reranker(settings, ground),
        right_of_way=ground.right_of_way,
    )


def _reranker(settings: Settings, ground: Ground) -> Reranker | None:
    if settings.reranker is None:
        return None
    if settings.reranker == "chat" and ground.chat is not None:
        return ChatReranker(f"chat:{settings.chat_model}", ChatRanker(ground.chat))
    return CrossEncoder(Path(settings.reranker), ground.executor)


def _key(settings: Settings) -> str | None:
    return settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
