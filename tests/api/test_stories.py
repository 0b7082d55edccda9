"""Shortcut's webhooks and what they ask for, over a whole server and a local Shortcut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from yarl import URL

from tests.api.client import Client
from tests.api.storied import ask, ended, put, send, story_in
from tests.conftest import ServePages, StartServer
from tests.sites.receiver import receiver
from tests.sites.shortcut import SECRET, TOKEN, Fault, Shortcut, shortcut, signed


@pytest.fixture
async def there() -> AsyncIterator[Shortcut]:
    async with shortcut() as it:
        yield it


@pytest.fixture
async def client(start_server: StartServer, there: Shortcut) -> Client:
    client = await start_server(shortcut_url=there.api)
    await put(client)
    return client


async def test_without_a_model_rules_say_what_they_can(client: Client, there: Shortcut) -> None:
    number = there.add("Login fails on Safari", "It is slow.", labels=["ui"])
    story = await ended(client, await ask(client, there, number))
    assert (story["state"], story["goal"], story["workspace"]) == ("written", "enhance", "acme")
    assert [task["task_type"] for task in story["tasks"]] == [
        "triage_story",
        "analyze_story",
        "enhance_story",
        "write_back_story",
    ]
    assert {task["status"] for task in story["tasks"]} == {"completed"}
    assert (story["before"]["name"], story["after"]["name"]) == ("Login fails on Safari",) * 2
    assert (story["diff"]["labels_added"], story["diff"]["labels_removed"]) == (["enhanced"], ["enhance"])
    assert any("No chat model is set" in each for each in story["left_out"])
    assert (story["tokens"], story["cost_usd"], story["steps"]) == (0, None, [])
    assert there.names(number) == ["ui", "enhanced"]
    [comment] = there.stories[number]["comments"]
    assert comment["external_id"] == f"gleanery:{story['story_id']}"
    assert there.stories[number]["description"] == "It is slow."


async def test_the_analyse_label_stops_after_the_analysis(client: Client, there: Shortcut) -> None:
    number = there.add("Login fails")
    story = await ended(client, await ask(client, there, number, "analyze"))
    assert (story["state"], story["enhancement"]) == ("written", None)
    assert [task["task_type"] for task in story["tasks"]] == ["triage_story", "analyze_story", "write_back_story"]
    assert there.names(number) == ["analyzed"]


async def test_a_new_story_with_a_label_is_taken_too_and_both_labels_enhance(client: Client, there: Shortcut) -> None:
    number = there.add("Export", labels=["enhance", "analyze"])
    reply = await send(client, *there.webhook(number, added=["analyze", "enhance"], action="create"))
    assert [(each["goal"], each["state"]) for each in reply.body["stories"]] == [("enhance", "waiting")]


@pytest.mark.parametrize("added", [[], ["enhanced"], ["ui"]])
async def test_what_asks_for_nothing_is_ignored(client: Client, there: Shortcut, added: list[str]) -> None:
    reply = await send(client, *there.webhook(there.add("x"), added=added))
    assert (reply.status, reply.body["status"], reply.body["stories"]) == (200, "ignored", [])
    assert (await client.one("/tasks"))["items"] == []


async def test_one_that_comes_again_is_answered_as_before_and_starts_nothing(client: Client, there: Shortcut) -> None:
    number = there.add("x", labels=["enhance"])
    call = there.webhook(number, added=["enhance"])
    replies = await asyncio.gather(*(send(client, *call) for _ in range(5)))
    assert {json.dumps(reply.body) for reply in replies} == {json.dumps(replies[0].body)}
    assert {reply.status for reply in replies} == {202}
    assert len((await client.one("/stories"))["items"]) == 1
    story = await ended(client, replies[0].body["stories"][0]["story_id"])
    assert (await send(client, *call)).body == replies[0].body
    assert len(there.stories[number]["comments"]) == 1
    assert story["state"] == "written"


async def test_an_old_one_is_refused_but_known_ones_are_answered(client: Client, there: Shortcut) -> None:
    number = there.add("x")
    old = datetime.now(UTC) - timedelta(seconds=400)
    reply = await send(client, *there.webhook(number, added=["enhance"], changed_at=old))
    assert (reply.status, reply.error["details"]["field"]) == (422, "changed_at")
    soon = datetime.now(UTC) + timedelta(seconds=400)
    reply = await send(client, *there.webhook(number, added=["enhance"], changed_at=soon))
    assert (reply.status, reply.error["details"]["field"]) == (422, "changed_at")
    await put(client, max_age_seconds=1000)
    call = there.webhook(number, added=["enhance"], changed_at=old)
    first = await send(client, *call)
    assert first.status == 202
    await put(client, max_age_seconds=10)
    assert (await send(client, *call)).body == first.body


@pytest.mark.parametrize("signature", [None, "", "0" * 64, "é", "sha256="])
async def test_a_forged_one_is_refused(client: Client, there: Shortcut, signature: str | None) -> None:
    body, headers = there.webhook(there.add("x"), added=["enhance"])
    del headers["Payload-Signature"]
    if signature is not None:
        headers["Payload-Signature"] = signature
    reply = await send(client, body, headers)
    assert (reply.status, reply.error["code"]) == (401, "signature_wrong")
    assert SECRET not in json.dumps(reply.body)
    assert (await client.one("/stories"))["items"] == []


async def test_a_body_that_was_changed_is_refused(client: Client, there: Shortcut) -> None:
    body, headers = there.webhook(there.add("x"), added=["enhance"])
    reply = await send(client, body.replace(b'"update"', b'"create"'), headers)
    assert reply.status == 401


async def test_a_workspace_that_is_not_there_and_one_without_a_secret(client: Client, there: Shortcut) -> None:
    call = there.webhook(there.add("x"), added=["enhance"])
    reply = await send(client, *call, name="other")
    assert (reply.status, reply.error["details"]) == (404, {"kind": "workspace", "id": "other"})
    await put(client, "silent", secret="")
    reply = await send(client, *call, name="silent")
    assert (reply.status, reply.error["code"]) == (403, "secret_missing")


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        (b"{", 400, None),
        (b"[]", 400, None),
        (b"[" * 100_000, 400, None),
        (b"{}", 422, "id"),
        (b'{"version": "v1"}', 422, "id"),
        (b'{"id": "a", "version": "v2", "event": {"type": "story.assigned"}}', 422, "version"),
        (b'{"id": "a", "changed_at": "soon", "actions": []}', 422, "changed_at"),
        (b'{"id": "a", "changed_at": "2026-01-01T00:00:00", "actions": []}', 422, "changed_at"),
        (b'{"id": "a", "changed_at": "%s", "actions": {}}', 422, "actions"),
        (b'{"id": "a", "changed_at": "%s", "actions": [{"entity_type": "story"}]}', 422, "actions.0.id"),
        (
            b'{"id": "a", "changed_at": "%s", "actions": [{"id": "../1", "entity_type": "story", "action": "create",'
            b' "label_ids": [1]}], "references": [{"id": 1, "entity_type": "label", "name": "enhance"}]}',
            422,
            "actions.0.id",
        ),
    ],
)
async def test_a_malformed_one_is_refused_by_the_fields_name(
    client: Client, body: bytes, status: int, field: str | None
) -> None:
    body = body.replace(b"%s", datetime.now(UTC).isoformat().encode())
    reply = await send(client, body, signed(body))
    assert (reply.status, reply.error["details"].get("field")) == (status, field)


async def test_an_oversized_one_and_one_that_asks_for_too_much_are_refused(client: Client, there: Shortcut) -> None:
    body = b'{"id": "' + b"a" * 1024 * 1024 + b'"}'
    assert (await send(client, body, signed(body))).status == 413
    numbers = [there.add("x") for _ in range(101)]
    reply = await send(client, *there.webhook(*numbers, added=["enhance"]))
    assert (reply.status, reply.error["details"]["field"]) == (422, "actions")
    assert (await client.one("/stories"))["items"] == []


async def test_no_key_is_asked_of_a_webhook_and_its_sender_may_know_us_by_any_name(
    start_server: StartServer, there: Shortcut
) -> None:
    client = await start_server(shortcut_url=there.api, api_keys=(SecretStr("key"),))
    key = {"Authorization": "Bearer key"}
    reply = await client.call("PUT", "/api/v1/workspaces/acme", json={"secret": SECRET}, headers=key)
    assert reply.status == 200
    body, headers = there.webhook(there.add("x"), added=["enhance"])
    assert (await send(client, body, {**headers, "Host": "hooks.example.com"})).status == 202
    assert (await client.get("/stories")).status == 401
    for around in ("webhooks/shortcut/../../stories", "webhooks/shortcut/%2e%2e/%2e%2e/stories", "webhooks/shortcut/"):
        url = URL(f"{client.url}/api/v1/{around}", encoded=True)
        async with client.session.get(url) as response:
            assert response.status in (401, 404, 405), around
    assert (await client.get("/workspaces")).status == 401


async def test_it_may_be_answered_when_all_is_done(start_server: StartServer, there: Shortcut) -> None:
    client = await start_server(shortcut_url=there.api, background_processing=False)
    await put(client)
    number = there.add("Login fails", labels=["enhance"])
    call = there.webhook(number, added=["enhance"])
    reply = await send(client, *call)
    assert (reply.status, [each["state"] for each in reply.body["stories"]]) == (200, ["written"])
    assert there.names(number) == ["enhanced"]
    assert (await send(client, *call)).body == reply.body
    await put(client, needs_approval=True)
    there.label(number, ["enhance"])
    reply = await send(client, *there.webhook(number, added=["enhance"]))
    assert (reply.status, [each["state"] for each in reply.body["stories"]]) == (200, ["needs_approval"])


async def test_a_dry_run_writes_nothing_and_shows_what_it_would(client: Client, there: Shortcut) -> None:
    await put(client, dry_run=True, needs_approval=True)
    number = there.add("Login fails")
    story = await ended(client, await ask(client, there, number))
    assert (story["state"], story["after"]["labels"]) == ("dry_run", ["enhanced"])
    assert story["after"]["comment"].startswith("**gleanery**")
    assert there.writes == []


async def test_nothing_is_written_before_somebody_approves(client: Client, there: Shortcut) -> None:
    await put(client, needs_approval=True)
    number = there.add("Login fails")
    story = await ended(client, await ask(client, there, number))
    assert (story["state"], story["stage"], story["ended_at"]) == ("needs_approval", "write_back", None)
    assert there.writes == []
    path = f"/stories/{story['story_id']}"
    assert len((await client.one("/stories?state=needs_approval,failed"))["items"]) == 1
    reply = await client.post(f"{path}/approve", {}, headers={"Idempotency-Key": "k"})
    assert (reply.status, reply.body["state"]) == (202, "working")
    again = await client.post(f"{path}/approve", {}, headers={"Idempotency-Key": "k"})
    assert again.status == 202
    assert (await ended(client, story["story_id"]))["state"] == "written"
    assert len(there.writes) == 2
    reply = await client.post(f"{path}/approve", {})
    assert (reply.status, reply.error["details"]["state"]) == (409, "written")


async def test_what_is_rejected_is_never_written(client: Client, there: Shortcut) -> None:
    await put(client, needs_approval=True)
    story = await ended(client, await ask(client, there, there.add("Login fails")))
    path = f"/stories/{story['story_id']}"
    assert (await client.post(f"{path}/reject", {"reason": "x"})).error["details"]["field"] == "reason"
    reply = await client.post(f"{path}/reject", {"note": "Not now."})
    assert (reply.status, reply.body["state"]) == (200, "rejected")
    assert (await client.one(path))["note"] == "Not now."
    assert (await client.post(f"{path}/approve", {})).status == 409
    payload = {key: story[key] for key in ("story_id", "workspace", "shortcut_id", "goal")}
    reply = await client.post("/tasks", {"task_type": "write_back_story", "payload": payload})
    assert (await client.ended(reply.body["task_id"])).task["result"]["state"] == "rejected"
    assert there.writes == []


async def test_nobody_gets_round_an_approval_by_a_task_of_their_own(client: Client, there: Shortcut) -> None:
    await put(client, needs_approval=True)
    story = await ended(client, await ask(client, there, there.add("Login fails")))
    payload = {key: story[key] for key in ("story_id", "workspace", "shortcut_id", "goal")}
    reply = await client.post("/tasks", {"task_type": "write_back_story", "payload": payload})
    assert (await client.ended(reply.body["task_id"])).task["error"]["code"] == "wrong_state"
    reply = await client.post("/tasks", {"task_type": "write_back_story", "payload": {**payload, "shortcut_id": 1}})
    assert (await client.ended(reply.body["task_id"])).task["error"]["code"] == "wrong_state"
    assert there.writes == []


async def test_a_newer_request_stands_for_one_that_waits_for_approval(client: Client, there: Shortcut) -> None:
    await put(client, needs_approval=True)
    number = there.add("Login fails")
    first = await ended(client, await ask(client, there, number))
    second = await ask(client, there, number)
    assert (await client.one(f"/stories/{first['story_id']}"))["state"] == "superseded"
    assert (await client.post(f"/stories/{first['story_id']}/approve", {})).status == 409
    assert (await ended(client, second))["state"] == "needs_approval"


async def test_without_a_token_the_story_fails_and_can_be_tried_again(client: Client, there: Shortcut) -> None:
    await put(client, api_token="")
    number = there.add("Login fails")
    story = await ended(client, await ask(client, there, number))
    assert (story["state"], story["stage"], story["error"]["code"]) == ("failed", "triage", "shortcut_token_missing")
    assert [row["story_id"] for row in (await client.one("/stories?state=failed"))["items"]] == [story["story_id"]]
    assert (await client.one("/stories?state=working"))["items"] == []
    await put(client)
    await client.post(f"/tasks/{story['tasks'][0]['task_id']}/retry", {})
    assert (await story_in(client, story["story_id"], "written"))["error"] is None


async def test_a_wrong_token_and_a_story_that_is_gone_are_told_plainly(client: Client, there: Shortcut) -> None:
    await put(client, api_token="sct_wrong")
    story = await ended(client, await ask(client, there, there.add("x")))
    assert (story["state"], story["error"]["code"]) == ("failed", "shortcut_token_refused")
    assert "sct_wrong" not in json.dumps(story)
    await put(client)
    number = there.add("x")
    call = there.webhook(number, added=["enhance"])
    del there.stories[number]
    reply = await send(client, *call)
    story = await ended(client, reply.body["stories"][0]["story_id"])
    assert (story["state"], story["error"]["code"]) == ("failed", "shortcut_story_gone")


async def test_stories_are_listed_newest_first_by_state_workspace_and_number(client: Client, there: Shortcut) -> None:
    await put(client, "beta")
    numbers = [there.add(f"Story {n}") for n in range(5)]
    ids = [await ask(client, there, number) for number in numbers]
    for story_id in ids:
        await ended(client, story_id)
    assert [row["story_id"] for row in await client.every("/stories", limit=2)] == ids[::-1]
    assert (await client.one("/stories?workspace=beta"))["items"] == []
    [row] = (await client.one(f"/stories?shortcut_id={numbers[2]}&state=written"))["items"]
    assert row["story_id"] == ids[2]
    for query, field in (("state=done", "state"), ("shortcut_id=x", "shortcut_id"), ("cursor=x", "cursor")):
        reply = await client.get(f"/stories?{query}")
        assert (reply.status, reply.error["details"]["field"]) == (422, field)
    assert (await client.get("/stories/sty_x")).status == 404


async def test_who_asked_for_it_is_called_at_the_end_of_each_task(client: Client, there: Shortcut) -> None:
    async with receiver() as hook:
        await put(client, webhook_url=hook.url)
        await ended(client, await ask(client, there, there.add("x"), "analyze"))
        calls = [json.loads(call.body) for call in await hook.heard(3)]
    told: list[Any] = [(call["type"], call["data"]["task_type"]) for call in calls]
    assert told == [("task.completed", name) for name in ("triage_story", "analyze_story", "write_back_story")]


async def test_a_link_to_this_server_is_not_read(client: Client, there: Shortcut, serve_pages: ServePages) -> None:
    """Not even where loopback is allowed: without keys it would tell everything."""
    site = await serve_pages(
        {"guide.html": "<title>Guide</title><main><p>Exports are limited to a thousand rows.</p></main>"}
    )
    own = f"{client.url}/example/security.html {client.url.replace('127.0.0.1', 'localhost')}/example/"
    number = there.add("Export", f"See {own} and {site.url}/guide.html")
    story = await ended(client, await ask(client, there, number, "analyze"))
    assert story["analysis"]["summary"].startswith("1 links of the story were read")
    assert [source["url"] for source in story["analysis"]["sources"]] == [f"{site.url}/guide.html"]


async def test_secrets_are_shown_nowhere(client: Client, there: Shortcut, caplog: pytest.LogCaptureFixture) -> None:
    there.fail(Fault(500), Fault(418))
    story = await ended(client, await ask(client, there, there.add("x")))
    shown = [story, await client.one("/settings"), await client.one("/workspaces/acme")]
    shown += [(await client.one(f"/tasks/{task['task_id']}/events")) for task in story["tasks"]]
    shown += [(await client.one(f"/tasks/{task['task_id']}")) for task in story["tasks"]]
    everything = json.dumps(shown) + caplog.text
    assert TOKEN not in everything
    assert SECRET not in everything
