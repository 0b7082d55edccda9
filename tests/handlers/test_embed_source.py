"""From one embedding model to the next while search goes on, and what may go wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gleanery.config import EmbedderKind
from gleanery.errors import (
    EmbedKeyRefused,
    EmbedMismatch,
    EmbedModelUnknown,
    EmbedWrongDimensions,
    InvalidInput,
    StorageError,
)
from gleanery.handlers.embed_source import enqueue_missing
from gleanery.knowledge.embedders.embedder import PROBE_TEXT
from gleanery.knowledge.embedders.options import EmbedderOptions
from gleanery.model import TaskStatus
from gleanery.store.vector_store import ModelState, VectorStore
from tests.embedding import House, Interrupted, disk_goes, house, options
from tests.sites.openai_api import Dislike, Fault, OpenAIApi, openai_api, vector_of
from tests.store.samples import start_crawl

FRUIT = ["pears are sweet", "apples are crisp", "quinces are sour", "plums are soft", "figs are rich"]


@pytest.fixture
async def api() -> AsyncIterator[OpenAIApi]:
    async with openai_api(dimensions=8) as running:
        yield running


@pytest.fixture
async def home(tmp_path: Path, api: OpenAIApi) -> AsyncIterator[House]:
    async with house(tmp_path, options(api)) as made:
        yield made


async def nearest(home: House, query: str) -> str:
    """The text that is nearest to a query, in the model that search goes by. Equal texts are nearest."""
    found = await home.vectors.look_up(query)
    assert found is not None
    [(text_row, cosine)] = found.index.search(found.vector, 1)
    assert cosine > 0.99
    for source in await home.store.knowledge.sources(after=None, limit=10, model=None):
        for chunk in await home.store.knowledge.chunks(source.source_id, page_id=None, after=0, limit=100):
            if chunk.text_row == text_row:
                return chunk.chunk.content
    raise AssertionError("no such text")


def as_embedded(text: str) -> str:
    return f"A page › Guide › Setup\n\n{text}"


async def test_a_task_embeds_what_lacks_vectors_and_says_what_it_took(home: House, api: OpenAIApi) -> None:
    source_id = await home.add_source("https://a.test/", FRUIT)
    [task] = await home.embed()
    assert task.status is TaskStatus.COMPLETED
    assert task.result == {
        "source_id": source_id,
        "chunks": 5,
        "failed_texts": 0,
        "embedding_tokens": sum(len(as_embedded(text).split()) for text in FRUIT),
        "embedding_model": options(api).name,
    }
    assert task.progress.stages["embedded"].done == 5
    assert await nearest(home, as_embedded("quinces are sour")) == "quinces are sour"
    assert await home.embed() == []
    [stored] = await home.store.vectors.models()
    assert stored.usage == {"texts": 5, "tokens": task.result["embedding_tokens"], "requests": 2}


async def test_equal_texts_are_embedded_once(home: House, api: OpenAIApi) -> None:
    await home.add_source("https://a.test/", [*FRUIT, *FRUIT])
    await home.embed()
    other = await home.add_source("https://b.test/", [*FRUIT, "medlars are brown"])
    [task] = await home.embed()
    assert (task.payload["source_id"], task.result and task.result["chunks"]) == (other, 1)
    assert sorted(api.texts) == sorted(as_embedded(text) for text in [*FRUIT, "medlars are brown"])
    await home.vectors.refresh(other)
    assert len(home.vectors.index.of_source(other)) == 6


async def test_search_goes_on_by_the_old_model_until_the_new_one_is_whole(home: House, api: OpenAIApi) -> None:
    await home.add_source("https://a.test/", FRUIT)
    await home.embed()
    old, new = options(api), options(api, dimensions=4)
    api.fail_with(Fault.HANG, times=1)
    assert await home.models.change_to(new) is ModelState.BUILDING
    home.conductor.begin_again()
    await api.hanging.wait()
    assert await home.states() == {"active": old.name, "building": new.name}
    assert await nearest(home, as_embedded("plums are soft")) == "plums are soft"
    late = await home.add_source("https://late.test/", ["sloes are blue"])
    api.release()
    await home.until(ModelState.ACTIVE, new.name)
    assert await home.states() == {"active": new.name, "previous": old.name}
    await home.uses(new.name)
    assert home.vectors.index.dimensions == 4
    assert await nearest(home, as_embedded("plums are soft")) == "plums are soft"
    assert len(home.vectors.index.of_source(late)) == 1, "what came meanwhile is there too"
    rows = await home.store.vectors.vectors(old.name, after=0, limit=10)
    np.testing.assert_allclose(rows[0].vector, vector_of(as_embedded(FRUIT[0]), 8), atol=1e-3)


async def test_to_go_back_costs_nothing_and_the_one_before_goes(home: House, api: OpenAIApi) -> None:
    await home.add_source("https://a.test/", FRUIT)
    await home.embed()
    first, second, third = options(api), options(api, dimensions=4), options(api, dimensions=6)
    for wanted in (second, first, third):
        asked = len(api.texts)
        await home.models.change_to(wanted)
        home.conductor.begin_again()
        await home.until(ModelState.ACTIVE, wanted.name)
        assert len(api.texts) - asked == (0 if wanted is first else 5)
    assert await home.states() == {"active": third.name, "previous": first.name}
    async with asyncio.timeout(10):
        while await home.store.vectors.vectors(second.name, after=0, limit=10):
            await home.store.health()
    assert len(await home.store.vectors.vectors(first.name, after=0, limit=10)) == 5


async def test_after_a_crash_it_goes_on_with_what_lacks(tmp_path: Path, api: OpenAIApi) -> None:
    old, new = options(api), options(api, dimensions=4)
    async with house(tmp_path, old) as home:
        await home.add_source("https://a.test/", FRUIT)
        await home.embed()
        api.requests.clear()
        await home.models.change_to(new)
        await home.conductor.advance()
        [task] = [task for task in await home.tasks() if task.payload["model"] == new.name]
        await home.stage.told(task.task_id, "pages_embedded")
    # It ended with that life, somewhere after its first four texts.
    async with house(tmp_path, old) as home:
        await home.uses(new.name)
        assert home.vectors.index.dimensions == 4
    assert sorted(api.texts) == sorted(map(as_embedded, FRUIT)), "none of it twice"


class Failing:
    """A store of vectors that fails from its call number `calls` on, as one whose disk goes."""

    def __init__(self, store: VectorStore, calls: int) -> None:
        self._store = store
        self._left = calls

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left < 0:
                raise StorageError("The disk went.")
            return await getattr(self._store, name)(*args, **named)

        return call


@pytest.mark.parametrize("calls", range(1, 40, 3))
async def test_wherever_it_breaks_off_the_next_life_ends_it(tmp_path: Path, api: OpenAIApi, calls: int) -> None:
    old, new = options(api), options(api, dimensions=4)
    async with house(tmp_path, old) as home:
        await home.add_source("https://a.test/", FRUIT)
        await home.embed()
    with suppress(StorageError):
        async with house(tmp_path, new, wrap=lambda store: Failing(store, calls)) as home:
            for task in await home.tasks():
                await home.stage.ended(task)
            with suppress(StorageError):
                await home.conductor.advance()
    async with house(tmp_path, new) as home:
        await home.uses(new.name)
        assert (home.vectors.count, home.vectors.index.dimensions) == (5, 4)
        assert await home.states() == {"active": new.name, "previous": old.name}
        assert len(await home.store.vectors.vectors(old.name, after=0, limit=9)) == 5


async def test_a_task_that_leaves_texts_without_vectors_is_followed_up(home: House, api: OpenAIApi) -> None:
    crawl = await start_crawl(home.store, "https://a.test/")
    await crawl.put("a", FRUIT)
    home.conductor.look_at(crawl.source.source_id)
    async with asyncio.timeout(10):
        while not (tasks := await home.tasks()):
            await home.store.health()
    assert [task.payload for task in tasks] == [{"source_id": crawl.source.source_id, "model": None}]
    assert tasks[0].serial_key == crawl.source.source_id, "after the crawl"
    await home.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [], result={})
    task = await home.stage.ended(tasks[0])
    assert task.result is not None
    assert task.result["chunks"] == 5


async def test_what_is_stored_is_embedded_although_the_store_fails_right_after_a_model_is_set(
    tmp_path: Path, api: OpenAIApi
) -> None:
    store, none = Interrupted(), EmbedderOptions(kind=EmbedderKind.NONE)
    async with house(tmp_path, none, is_working=False, wrap=store.over) as home:
        source_id = await home.add_source("https://a.test/", FRUIT)
        await home.conductor.advance()
        await home.models.change_to(options(api))
        store.meanwhile["sources_without_vectors"] = disk_goes
        home.conductor.begin_again()
        with pytest.raises(StorageError):
            await home.conductor.advance()
        await home.conductor.advance()
        assert [task.payload for task in await home.tasks()] == [{"source_id": source_id, "model": None}]


async def test_a_source_is_looked_at_again_when_the_store_fails(tmp_path: Path, api: OpenAIApi) -> None:
    store = Interrupted()
    async with house(tmp_path, options(api), is_working=False, wrap=store.over) as home:
        source_id = await home.add_source("https://a.test/", FRUIT)
        home.conductor.look_at(source_id)
        store.meanwhile["sources_lacking"] = disk_goes
        with pytest.raises(StorageError):
            await home.conductor.advance()
        await home.conductor.advance()
        assert [task.payload for task in await home.tasks()] == [{"source_id": source_id, "model": None}]


async def test_a_source_that_changes_while_it_is_looked_at_is_looked_at_again(tmp_path: Path, api: OpenAIApi) -> None:
    store = Interrupted()
    async with house(tmp_path, options(api), is_working=False, wrap=store.over) as home:
        crawl = await start_crawl(home.store, "https://a.test/")
        source_id = crawl.source.source_id

        async def page_comes() -> None:
            await crawl.put("a", FRUIT)
            home.conductor.look_at(source_id)

        home.conductor.look_at(source_id)
        store.meanwhile["sources_lacking"] = page_comes
        await home.conductor.advance()
        assert await home.tasks() == []
        await home.conductor.advance()
        assert [task.payload for task in await home.tasks()] == [{"source_id": source_id, "model": None}]


async def test_another_environment_is_a_change_and_the_same_is_none(tmp_path: Path, api: OpenAIApi) -> None:
    first, second, by_hand = options(api), options(api, dimensions=4), options(api, dimensions=6)
    async with house(tmp_path, first) as home:
        await home.add_source("https://a.test/", FRUIT)
        await home.embed()
        await home.models.change_to(by_hand)
        home.conductor.begin_again()
        await home.until(ModelState.ACTIVE, by_hand.name)
    async with house(tmp_path, first) as home:
        assert await home.states() == {"active": by_hand.name, "previous": first.name}
    async with house(tmp_path, second) as home:
        await home.until(ModelState.ACTIVE, second.name)
    async with house(tmp_path, first, is_server=False, is_working=False) as home:
        assert home.vectors.model == second.name, "a worker follows what the server has decided"
    async with house(tmp_path, EmbedderOptions(kind=EmbedderKind.NONE)) as home:
        assert (home.vectors.is_on, await home.states()) == (False, {"active": "none", "previous": second.name})
        assert await home.vectors.look_up("pears") is None
    async with house(tmp_path, second) as home:
        assert (home.vectors.model, home.vectors.count) == (second.name, 5)


async def test_a_key_that_is_gone_is_told_and_search_goes_by_words(tmp_path: Path, api: OpenAIApi) -> None:
    at_openai = EmbedderOptions(kind=EmbedderKind.OPENAI)
    async with house(tmp_path, options(api), is_working=False) as home:
        await home.store.vectors.propose(
            at_openai.name, at_openai.model_dump(mode="json"), options(api).model_dump(mode="json")
        )
        await home.store.vectors.activate(at_openai.name, is_forced=True)
    async with house(tmp_path, options(api), api_key=None, is_working=False) as home:
        assert await home.vectors.look_up("pears") is None
        assert home.vectors.problem is not None
        assert "OPENAI_API_KEY" in home.vectors.problem
        assert [done async for done in home.vectors.embed_missing(None, "src_1")] == []  # type: ignore[arg-type]


async def test_a_revoked_key_stops_the_change_and_not_the_search(home: House, api: OpenAIApi) -> None:
    await home.add_source("https://a.test/", FRUIT)
    await home.embed()
    old, new = options(api), options(api, dimensions=4)
    api.fail_with(Fault.KEY_REFUSED, times=99)
    await home.models.change_to(new)
    home.conductor.begin_again()
    async with asyncio.timeout(10):
        while not (tasks := [t for t in await home.tasks() if t.payload["model"] == new.name]):
            await home.store.health()
    task = await home.stage.ended(tasks[0])
    assert (task.status, task.error and task.error.code) == (TaskStatus.FAILED, "embed_key_refused")
    await home.conductor.advance()
    await home.conductor.advance()
    assert len(await home.tasks()) == 2, "it is not tried for ever"
    assert await home.states() == {"active": old.name, "building": new.name}
    api.heal()
    assert await nearest(home, as_embedded("plums are soft")) == "plums are soft"
    home.conductor.begin_again()
    await home.until(ModelState.ACTIVE, new.name)


async def test_what_is_given_up_leaves_nothing(home: House, api: OpenAIApi) -> None:
    await home.add_source("https://a.test/", FRUIT)
    await home.embed()
    old, new = options(api), options(api, dimensions=4)
    api.fail_with(Fault.HANG, times=1)
    await home.models.change_to(new)
    home.conductor.begin_again()
    await api.hanging.wait()
    [task] = [task for task in await home.tasks() if task.payload["model"] == new.name]
    assert await home.models.give_up() == new.name
    api.release()
    assert (await home.stage.ended(task)).status is TaskStatus.COMPLETED
    assert await home.states() == {"active": old.name}
    assert await home.models.tidy() == 4, "the batch that was under way"
    assert await home.store.vectors.vectors(new.name, after=0, limit=10) == []


# Texts that are refused


async def test_a_refused_text_is_told_and_tried_three_times_in_all(home: House, api: OpenAIApi) -> None:
    api.dislikes = (Dislike("quinces", 400, "blocked", "content_filter"),)
    source_id = await home.add_source("https://a.test/", FRUIT)
    for attempt in (1, 2, 3):
        [task] = await home.embed()
        assert (task.status, task.result and task.result["failed_texts"]) == (TaskStatus.COMPLETED, 1)
        events = await home.store.tasks.events(task.task_id, after=None, before=None, limit=100)
        [warning] = [event for event in events if event.type == "warning_raised"]
        assert warning.data == {"code": "embed_text_refused", "failed_texts": 1}
        [failure] = await home.store.vectors.failures(options(api).name, limit=10)
        assert (failure.code, failure.attempts, failure.source_id) == ("content_filtered", attempt, source_id)
        assert failure.url == "https://a.test/a"
        assert "blocked" in failure.message
    assert await home.embed() == []
    assert home.vectors.count == 4
    coverage = await home.store.vectors.coverage(options(api).name)
    assert (coverage.texts, coverage.embedded, coverage.failed, coverage.lacking) == (5, 4, 1, 0)


async def test_a_text_that_is_taken_after_all_has_its_vector(home: House, api: OpenAIApi) -> None:
    api.dislikes = (Dislike("quinces", 200, fill=float("nan")),)
    await home.add_source("https://a.test/", FRUIT)
    await home.embed()
    assert [each.code for each in await home.store.vectors.failures(options(api).name, limit=10)] == ["no_vector"]
    api.dislikes = ()
    asked = len(api.texts)
    [task] = await home.embed()
    assert task.result is not None
    assert (task.result["chunks"], api.texts[asked:]) == (1, [as_embedded("quinces are sour")])
    assert await home.store.vectors.failures(options(api).name, limit=10) == []
    assert await nearest(home, as_embedded("quinces are sour")) == "quinces are sour"


async def test_a_refused_text_does_not_keep_a_new_model_back(home: House, api: OpenAIApi) -> None:
    await home.add_source("https://a.test/", FRUIT)
    await home.embed()
    api.dislikes = (Dislike("quinces"),)
    new = options(api, dimensions=4)
    await home.models.change_to(new)
    home.conductor.begin_again()
    await home.until(ModelState.ACTIVE, new.name)
    assert len(await home.store.vectors.failures(new.name, limit=10)) == 1


async def test_a_model_that_refuses_everything_never_becomes_active(home: House, api: OpenAIApi) -> None:
    await home.add_source("https://a.test/", FRUIT)
    await home.embed()
    api.dislikes = (Dislike("", 200),)
    old, new = options(api), options(api, dimensions=4)
    await home.models.change_to(new)
    await home.conductor.advance()
    async with asyncio.timeout(10):
        while not (tasks := [t for t in await home.tasks() if t.payload["model"] == new.name]):
            await home.store.health()
    task = await home.stage.ended(tasks[0])
    assert (task.status, task.error and task.error.code) == (TaskStatus.FAILED, "embed_mismatch")
    assert await home.states() == {"active": old.name, "building": new.name}
    assert await home.store.vectors.failures(new.name, limit=10) == []


# Before anything changes


@pytest.mark.parametrize(
    ("fields", "fault", "error"),
    [
        ({"model": "no-such-model"}, None, EmbedModelUnknown),
        ({"dimensions": 4}, Fault.WRONG_DIMENSIONS, EmbedWrongDimensions),
        ({"dimensions": 4}, Fault.NO_DIMENSIONS, EmbedWrongDimensions),
        ({"dimensions": 4}, Fault.KEY_REFUSED, EmbedKeyRefused),
        ({"dimensions": 4}, Fault.NOT_JSON, EmbedMismatch),
        ({"base_url": None}, None, InvalidInput),
    ],
)
async def test_what_does_not_work_is_told_beforehand(
    home: House, api: OpenAIApi, fields: dict[str, Any], fault: Fault | None, error: type[Exception]
) -> None:
    if fault is not None:
        api.fail_with(fault)
    with pytest.raises(error):
        await home.models.check(options(api, **fields))
    assert await home.states() == {"active": options(api).name}


async def test_a_check_embeds_one_short_text(home: House, api: OpenAIApi) -> None:
    await home.models.check(options(api, dimensions=4))
    assert api.texts == [PROBE_TEXT]


async def test_the_key_goes_only_where_the_environment_says(home: House, api: OpenAIApi) -> None:
    async with openai_api(dimensions=8) as other:
        await home.models.check(options(other))
        assert [request.authorization for request in other.requests] == ["Bearer none"]
    await home.models.check(options(api))
    assert [request.authorization for request in api.requests] == ["Bearer sk-test"]


async def test_an_estimate_counts_what_lacks(home: House, api: OpenAIApi) -> None:
    one = await home.add_source("https://a.test/", [*FRUIT, FRUIT[0]])
    await home.add_source("https://b.test/", ["medlars are brown"])
    made = await home.models.estimate(options(api, price_per_million=2.0), None)
    assert (made.texts, made.is_exact, api.requests) == (6, True, [])
    assert made.cost_usd == pytest.approx(made.tokens * 2 / 1e6)
    of_one = await home.models.estimate(options(api), one)
    assert (of_one.texts, of_one.cost_usd, round(of_one.seconds, 3)) == (5, None, 2.0)
    assert 0 < of_one.tokens < made.tokens
    await home.embed()
    assert (await home.models.estimate(options(api), None)).texts == 0
    assert (await home.models.estimate(options(api, dimensions=4), None)).texts == 6


async def test_a_crawl_that_runs_while_the_model_changes_ends_with_the_new_one(home: House, api: OpenAIApi) -> None:
    new = options(api, dimensions=4)
    crawl = await start_crawl(home.store, "https://a.test/")
    await crawl.put("a", FRUIT)
    passing = home.vectors.embed_missing(crawl.fence, crawl.source.source_id)
    assert (await anext(passing)).chunks == 4
    await home.models.change_to(new)
    assert await home.store.vectors.activate(new.name, is_forced=True)
    await home.models.sync()
    assert [done.chunks async for done in passing] == [1, 4, 1], "the rest by the old one, then all by the new one"
    await home.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, [], result={})
    assert await enqueue_missing(home.submitter, home.store.vectors, new.name) == 0


async def test_two_lives_at_once_agree(tmp_path: Path, api: OpenAIApi) -> None:
    """A worker beside the server makes the vectors; the server changes over."""
    old, new = options(api), options(api, dimensions=4)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(house(tmp_path, old, is_working=False))
        await server.add_source("https://a.test/", FRUIT)
        worker = await stack.enter_async_context(house(tmp_path, old, is_server=False))
        await worker.embed()
        await server.models.change_to(new)
        await server.conductor.advance()
        await worker.until(ModelState.ACTIVE, new.name)  # its own conductor hears of its tasks first
        await server.conductor.advance()
        assert server.vectors.model == worker.vectors.model == new.name
        assert (server.vectors.count, worker.vectors.count) == (5, 0)
