"""`/embedder` over HTTP: what is shown, what is refused, and a change from one model to the next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gleanery.api.embedder import EmbedderApi
from gleanery.api.http import MAX_BODY_BYTES, error_middleware
from gleanery.errors import InvalidUrl
from gleanery.knowledge.embedders.embedder import PROBE_TEXT
from tests.api.client import Client
from tests.embedding import House, Interrupted, disk_goes, house, options
from tests.sites.openai_api import Dislike, Fault, OpenAIApi, openai_api

FRUIT = ["pears are sweet", "apples are crisp", "quinces are sour", "plums are soft", "figs are rich"]


@pytest.fixture
async def api() -> AsyncIterator[OpenAIApi]:
    async with openai_api(dimensions=8) as running:
        yield running


@dataclass(frozen=True)
class Door:
    """A client of the routes, and what is behind them."""

    client: Client
    home: House
    api: OpenAIApi
    store: Interrupted

    def wanted(self, **fields: Any) -> dict[str, Any]:
        return options(self.api, **fields).model_dump(mode="json")

    async def put(self, **fields: Any) -> Any:
        return await self.client.call("PUT", "/api/v1/embedder", json=self.wanted(**fields))

    async def state(self) -> dict[str, Any]:
        return await self.client.one("/embedder")

    async def until_built(self) -> dict[str, Any]:
        async with asyncio.timeout(15):
            while (state := await self.state())["building"] is not None:
                pass
        return state

    async def until_embedded(self, count: int) -> None:
        async with asyncio.timeout(15):
            while (await self.state())["active"]["embedded"] < count:
                pass


async def check_base_url(url: str) -> None:
    if "169.254" in url:
        raise InvalidUrl("is a private address", kind="address_forbidden")


@pytest.fixture
async def door(tmp_path: Path, stack: AsyncExitStack, api: OpenAIApi) -> Door:
    store = Interrupted()
    home = await stack.enter_async_context(house(tmp_path, options(api), wrap=store.over))
    app = web.Application(middlewares=[error_middleware], client_max_size=MAX_BODY_BYTES)
    for route in EmbedderApi(home.models, home.vectors, home.conductor, check_base_url).routes():
        app.router.add_route(route.method, route.path, route.handler)
    runner = web.AppRunner(app)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    return Door(Client(url, await stack.enter_async_context(aiohttp.ClientSession())), home, api, store)


async def test_what_is_there_is_shown(door: Door, api: OpenAIApi) -> None:
    api.dislikes = (Dislike("quinces", 400, "blocked", "content_filter"),)
    source_id = await door.home.add_source("https://a.test/", FRUIT)
    await door.home.embed()
    state = await door.state()
    assert (state["building"], state["previous"], state["problem"]) == (None, None, None)
    active = state["active"]
    assert (active["model"], active["options"]) == (options(api).name, door.wanted())
    assert (active["texts"], active["embedded"], active["failed"]) == (5, 4, 1)
    assert active["usage"]["texts"] == 4
    assert active["usage"]["tokens"] > 0
    [failure] = active["failures"]
    assert (failure["source_id"], failure["url"], failure["code"]) == (
        source_id,
        "https://a.test/a",
        "content_filtered",
    )
    assert (failure["attempts"], failure["heading_path"]) == (1, ["Guide", "Setup"])
    assert "sk-test" not in str(state)


async def test_a_change_is_seen_through(door: Door, api: OpenAIApi) -> None:
    await door.home.add_source("https://a.test/", FRUIT)
    await door.home.embed()
    reply = await door.put(dimensions=4)
    assert reply.status == 200
    new, old = options(api, dimensions=4).name, options(api).name
    if reply.body["building"] is not None:  # its task may be through already
        building = reply.body["building"]
        assert (building["model"], building["total"], len(building["task_ids"])) == (new, 5, 1)
        assert reply.body["active"]["model"] == old
    state = await door.until_built()
    assert (state["active"]["model"], state["previous"]["model"]) == (new, old)
    assert state["active"]["embedded"] == 5
    assert state["active"]["activated_at"] > state["previous"]["activated_at"]


async def test_while_it_is_built_it_is_shown_and_can_be_given_up(door: Door, api: OpenAIApi) -> None:
    await door.home.add_source("https://a.test/", FRUIT)
    await door.home.embed()
    api.answer_then_hang(1)  # the short text of the check
    reply = await door.put(dimensions=4)
    assert (reply.status, reply.body["active"]["model"]) == (200, options(api).name)
    await api.hanging.wait()
    building = (await door.state())["building"]
    assert (building["model"], building["done"], building["total"]) == (options(api, dimensions=4).name, 0, 5)
    assert len(building["task_ids"]) == 1
    assert (await door.client.delete("/embedder/building")).status == 204
    api.release()
    assert (await door.state())["building"] is None
    gone = await door.client.delete("/embedder/building")
    assert (gone.status, gone.error["code"]) == (404, "not_found")


async def test_what_was_given_up_is_told_although_the_store_fails_right_after(door: Door, api: OpenAIApi) -> None:
    await door.home.add_source("https://a.test/", FRUIT)
    await door.home.embed()
    api.answer_then_hang(1)
    await door.put(dimensions=4)
    await api.hanging.wait()
    door.store.meanwhile["sources_without_vectors"] = disk_goes
    assert (await door.client.delete("/embedder/building")).status == 204
    api.release()
    assert (await door.state())["building"] is None


async def test_nothing_to_embed_changes_at_once(door: Door, api: OpenAIApi) -> None:
    reply = await door.put(dimensions=4)
    assert reply.body["building"] is None
    assert reply.body["active"]["model"] == options(api, dimensions=4).name
    again = await door.put(dimensions=4, requests_per_minute=60)
    assert again.body["active"]["options"]["requests_per_minute"] == 60
    assert again.body["previous"]["model"] == options(api).name


@pytest.mark.parametrize(
    ("fields", "fault", "status", "code", "field"),
    [
        ({"model": "no-such-model"}, None, 422, "embed_model_unknown", "model"),
        ({"dimensions": 4}, Fault.WRONG_DIMENSIONS, 422, "embed_wrong_dimensions", "dimensions"),
        ({"dimensions": 4}, Fault.NO_DIMENSIONS, 422, "embed_wrong_dimensions", "dimensions"),
        ({"dimensions": 4}, Fault.KEY_REFUSED, 502, "embed_key_refused", None),
        ({"dimensions": 4}, Fault.QUOTA_SPENT, 502, "embed_quota_spent", None),
        ({"dimensions": 4}, Fault.NOT_JSON, 502, "embed_mismatch", None),
    ],
)
async def test_what_does_not_work_changes_nothing(
    door: Door, api: OpenAIApi, fields: dict[str, Any], fault: Fault | None, status: int, code: str, field: str | None
) -> None:
    if fault is not None:
        api.fail_with(fault)
    reply = await door.put(**fields)
    assert (reply.status, reply.error["code"], reply.error["details"].get("field")) == (status, code, field)
    assert "sk-test" not in str(reply.body)
    state = await door.state()
    assert (state["active"]["model"], state["building"]) == (options(api).name, None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "gemini"}, "kind"),
        ({"kind": "local", "model": "bert"}, "body"),
        ({"dimensions": 0}, "dimensions"),
        ({"batch_size": 0}, "batch_size"),
        ({"base_url": "ftp://x/"}, "base_url"),
        ({"base_url": "http://user:pw@x/"}, "base_url"),
        ({"base_url": "http://x:99999/"}, "base_url"),
        ({"base_url": "http://[x/"}, "base_url"),
        ({"base_url": "http://169.254.169.254/v1"}, "base_url"),
        ({"base_url": None}, "base_url"),
        ({"price_per_million": -1}, "price_per_million"),
        ({"api_key": "sk-mine"}, "api_key"),
    ],
)
async def test_wrong_fields_are_named(door: Door, change: dict[str, Any], field: str) -> None:
    wanted = {**door.wanted(), **change}
    if change.get("kind") == "local":
        wanted = change
    reply = await door.client.call("PUT", "/api/v1/embedder", json=wanted)
    assert (reply.status, reply.error["details"]["field"]) == (422, field)
    assert (await door.state())["building"] is None


async def test_none_turns_vectors_off_and_back_on_they_are_there(door: Door, api: OpenAIApi) -> None:
    await door.home.add_source("https://a.test/", FRUIT)
    await door.home.embed()
    reply = await door.client.call("PUT", "/api/v1/embedder", json={"kind": "none"})
    assert (reply.status, reply.body["active"]["model"], door.home.vectors.is_on) == (200, "none", False)
    asked = len(api.texts)
    assert (await door.put()).body["active"]["model"] == options(api).name
    assert door.home.vectors.count == 5
    assert len(api.texts) == asked + 1, "the short text of the check alone"


async def test_after_none_what_has_no_vectors_gets_them(door: Door, api: OpenAIApi) -> None:
    await door.client.call("PUT", "/api/v1/embedder", json={"kind": "none"})
    await door.home.add_source("https://a.test/", FRUIT)
    assert (await door.put()).body["active"]["model"] == options(api).name
    await door.until_embedded(5)
    assert sorted(api.texts) == sorted([PROBE_TEXT, *(f"A page › Guide › Setup\n\n{text}" for text in FRUIT)])


async def test_a_model_that_is_taken_before_it_is_built_gets_the_rest(door: Door, api: OpenAIApi) -> None:
    await door.home.add_source("https://a.test/", FRUIT)
    await door.home.embed()
    api.answer_then_hang(1)
    assert (await door.put(dimensions=4)).body["building"] is not None
    await api.hanging.wait()
    await door.client.call("PUT", "/api/v1/embedder", json={"kind": "none"})
    assert (await door.put(dimensions=4)).body["active"]["model"] == options(api, dimensions=4).name
    api.release()
    await door.until_embedded(5)


async def test_an_estimate_before(door: Door, api: OpenAIApi) -> None:
    source_id = await door.home.add_source("https://a.test/", FRUIT)
    wanted = {"options": door.wanted(price_per_million=3.0), "source_id": source_id}
    reply = await door.client.post("/embedder/estimate", wanted)
    assert reply.status == 200
    body = reply.body
    assert (body["model"], body["texts"], body["is_exact"], body["seconds"]) == (options(api).name, 5, True, 2.0)
    assert body["cost_usd"] == pytest.approx(body["tokens"] * 3 / 1e6)
    assert api.requests == []
    wrong = await door.client.post("/embedder/estimate", {"options": {"kind": "openai", "batch_size": "x"}})
    assert (wrong.status, wrong.error["details"]["field"]) == (422, "options.batch_size")
