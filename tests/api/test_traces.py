"""`/traces` over a whole server: what is taken and refused, the groups that come of it, and a grouping that is killed."""

from __future__ import annotations

import asyncio
import contextlib
import random
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
import yaml  # type: ignore[import-untyped]

from tests.api.client import Client
from tests.bench.traces_words import Values
from tests.conftest import StartServer

PROMPT = "You answer customers of a bookshop. Stay polite.\nName: {}\nMessage: {}\nAnswer in one paragraph."


def traces(count: int, first: int = 0, **fields: Any) -> list[dict[str, Any]]:
    values = Values(random.Random(first))
    return [
        {
            "trace_id": f"t{number}",
            "project_id": "shop",
            "path": "/reply",
            "instruction": PROMPT.format(values.name(), values.prose(1, 3)),
            "model": "m",
            "latency_ms": number,
            **fields,
        }
        for number in range(first, first + count)
    ]


async def ended(client: Client) -> None:
    """The newest grouping, if there is one."""
    for task in (await client.one("/tasks?task_type=group_traces&limit=1"))["items"]:
        await client.ended(task["task_id"])


async def settled(client: Client, total: int, project: str = "shop") -> list[dict[str, Any]]:
    """The groups, once all traces are in one."""
    while True:
        places = (await client.one("/traces/places"))["items"]
        if [(p["traces"], p["waiting"]) for p in places if p["project_id"] == project] == [(total, 0)]:
            break
        await ended(client)
    await ended(client)
    groups: list[dict[str, Any]] = (await client.one(f"/traces/groups?project_id={project}"))["items"]
    return groups


async def test_traces_become_a_group_with_variables_and_implementations(client: Client) -> None:
    sent = traces(30)
    reply = await client.post("/traces", {"traces": sent})
    assert (reply.status, reply.body["stored"], reply.body["known"], reply.body["grouping"]) == (
        202,
        30,
        0,
        "requested",
    )
    assert reply.body["trace_ids"] == [one["trace_id"] for one in sent]
    (group,) = await settled(client, 30)
    assert [variable["name"] for variable in group["variables"]] == ["name", "message"]
    assert (group["trace_count"], group["state"], group["project_id"], group["path"]) == (
        30,
        "active",
        "shop",
        "/reply",
    )
    assert group["prompt"].startswith(
        "You answer customers of a bookshop. Stay polite.\nName: {{name}}\nMessage: {{message}}"
    )
    path = f"/traces/groups/{group['group_id']}"
    detail = await client.one(path)
    (one,) = detail["implementations"]
    assert (one["model"], one["traces"], one["share"], one["latency_p50_ms"], one["latency_p95_ms"]) == (
        "m",
        30,
        1,
        14,
        28,
    )
    page = await client.one(f"{path}/traces?limit=2")
    assert [row["trace_id"] for row in page["items"]] == ["t29", "t28"]
    for row in page["items"]:
        filled = group["prompt"]
        for name, value in row["values"].items():
            filled = filled.replace("{{" + name + "}}", value)
        assert filled == row["instruction"]
    rest = await client.one(f"{path}/traces?limit=500&cursor={page['next_cursor']}")
    assert len(rest["items"]) == 28
    history = await client.one(f"{path}/history")
    assert history["events"][0]["type"] == "created"
    assert sum(point["traces"] for point in history["drift"]) == 30
    text = (await client.get(f"{path}/export")).body
    definition = yaml.safe_load(text)
    assert (definition["prompt"], definition["traces"]) == (group["prompt"], 30)


async def test_a_group_goes_on_when_more_traces_come_and_only_these_are_read(client: Client) -> None:
    await client.post("/traces", {"traces": traces(20)})
    (group,) = await settled(client, 20)
    await client.post("/traces", {"traces": traces(20, 20)})
    (same,) = await settled(client, 40)
    assert (same["group_id"], same["trace_count"]) == (group["group_id"], 40)
    task = (await client.one("/tasks?task_type=group_traces&status=completed&limit=1"))["items"][0]
    assert (task["result"]["traces"], task["result"]["left"]) == (20, 0)
    assert task["coalesce_key"] == "traces:4:shop:/reply"


async def test_a_trace_that_comes_again_is_stored_once(client: Client) -> None:
    (one,) = traces(1)
    assert [(await client.post("/traces", one)).body["stored"] for _ in range(3)] == [1, 0, 0]
    forged = await client.post("/traces", {"traces": [{**one, "instruction": "Send me the secrets."}, *traces(1, 1)]})
    assert (forged.status, forged.error["code"]) == (409, "idempotency_conflict")
    assert forged.error["details"] == {"trace_ids": ["t0"], "stored": 1, "known": 0}
    await settled(client, 2)
    without = [(await client.post("/traces", {"project_id": "p", "instruction": "x"})).body["trace_ids"] for _ in "ab"]
    assert without[0] != without[1]


LATER = {"project_id": "p", "instruction": "x", "started_at": "1999-01-01T00:00:00Z"}
NO_KEY = {"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": [{"value": 1}]}]}]}]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "project_id"),
        ({"project_id": "p"}, "instruction"),
        ({"project_id": "p", "instruction": ""}, "instruction"),
        ({"project_id": "p", "instruction": "x" * 100_001}, "instruction"),
        ({"project_id": "p", "instruction": "a\0b"}, "instruction"),
        ({"project_id": "p", "instruction": "\ud800"}, "instruction"),
        ({"project_id": "", "instruction": "x"}, "project_id"),
        ({"project_id": "p", "instruction": "x", "prompt": "y"}, "prompt"),
        ({"project_id": "p", "instruction": "x", "trace_id": "a b"}, "trace_id"),
        ({"project_id": "p", "instruction": "x", "latency_ms": -1}, "latency_ms"),
        ({"project_id": "p", "instruction": "x", "input_tokens": 1.5}, "input_tokens"),
        ({"project_id": "p", "instruction": "x", "settings": {"a": "x" * 5000}}, "settings"),
        ({"project_id": "p", "instruction": "x", "settings": []}, "settings"),
        ({"project_id": "p", "instruction": "x", "started_at": "yesterday"}, "started_at"),
        ({"project_id": "p", "instruction": "x", "started_at": "1970-01-01T00:00:00Z"}, "started_at"),
        ({"project_id": "p", "instruction": "x", "started_at": "2999-01-01T00:00:00Z"}, "started_at"),
        ({"traces": []}, "traces"),
        ({"traces": [{"project_id": "p", "instruction": "x"}] * 501}, "traces"),
        ({"traces": [{"project_id": "p", "instruction": "x"}, {"project_id": "p"}]}, "traces.1.instruction"),
        ({"traces": [{"project_id": "p", "instruction": "x"}, LATER]}, "traces.1.started_at"),
        ({"resourceSpans": {}}, None),
        ({"resourceSpans": [1]}, "resourceSpans.0"),
        (NO_KEY, "resourceSpans.0.scopeSpans.0.spans.0.attributes.0.key"),
    ],
)  # fmt: skip
async def test_a_wrong_field_is_named_and_nothing_is_stored(client: Client, body: Any, field: str | None) -> None:
    reply = await client.post("/traces", body)
    if field is None:
        assert (reply.status, reply.body) == (200, {"partialSuccess": None})
    else:
        assert (reply.status, reply.error["code"], reply.error["details"]["field"]) == (422, "invalid_field", field)
    assert (await client.one("/traces/places"))["items"] == []


async def test_what_is_no_json_or_too_large_is_refused(client: Client) -> None:
    for data, content_type, status in (
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\x0a\x00", "application/x-protobuf", 400),
        (b" " * 2_000_000, "application/json", 413),
    ):
        headers = {"Content-Type": content_type}
        async with client.session.post(f"{client.url}/api/v1/traces", data=data, headers=headers) as reply:
            assert reply.status == status
            assert (await reply.json())["error"]["message"]


def span(number: int, **attributes: Any) -> dict[str, Any]:
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    return {
        "traceId": "5b8efff798038103d269b633813fc60c",
        "spanId": f"{number:016x}",
        "name": "chat m",
        "startTimeUnixNano": "1775000000000000000",
        "endTimeUnixNano": "1775000001500000000",
        "attributes": [
            {"key": key, "value": {kinds[type(value)]: str(value) if isinstance(value, int) else value}}
            for key, value in attributes.items()
        ],
        "status": {},
    }


def export(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "agent"}}]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


MESSAGES = '[{"role": "user", "parts": [{"type": "text", "content": "What is a kettle?"}]}, {"role": "assistant", "parts": []}]'


async def test_spans_of_opentelemetry_become_traces(client: Client) -> None:
    new = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system_instructions": '[{"type": "text", "content": "Be brief."}]',
        "gen_ai.input.messages": MESSAGES,
        "gen_ai.request.model": "asked",
        "gen_ai.response.model": "answered",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 4,
    }
    old = {"gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": "Old way.", "error.type": "timeout"}
    event = span(3) | {
        "events": [
            {"name": "gen_ai.user.message", "attributes": [{"key": "content", "value": {"stringValue": "By event."}}]}
        ]
    }
    other = span(4, **{"http.method": "GET"})
    reply = await client.post("/traces/otlp", export(span(1, **new), span(2, **old), event, other))
    assert (reply.status, reply.body) == (200, {"partialSuccess": None})
    groups: list[dict[str, Any]] = []
    while len(groups) < 3:
        await ended(client)
        groups = (await client.one("/traces/groups?project_id=agent"))["items"]
    rows = [(await client.one(f"/traces/groups/{one['group_id']}/traces"))["items"][0] for one in groups]
    told = {row["instruction"]: row for row in rows}
    assert set(told) == {"Be brief.\n\nWhat is a kettle?", "Old way.", "By event."}
    row = told["Be brief.\n\nWhat is a kettle?"]
    assert (row["model"], row["settings"], row["latency_ms"]) == ("answered", {"temperature": 0.5}, 1500.0)
    assert (row["input_tokens"], row["output_tokens"], row["error"], row["path"]) == (9, 4, None, "chat")
    assert row["trace_id"] == "5b8efff798038103d269b633813fc60c:0000000000000001"
    assert told["Old way."]["error"] == "timeout"


async def test_a_span_that_cannot_be_a_trace_is_rejected_alone(client: Client) -> None:
    good, bad = span(1, **{"gen_ai.prompt": "Fine."}), span(2, **{"gen_ai.prompt": "x" * 100_001})
    reply = await client.post("/traces", export(good, bad))
    assert reply.status == 200
    assert reply.body["partialSuccess"]["rejectedSpans"] == "1"
    assert "spans.1: instruction: " in reply.body["partialSuccess"]["errorMessage"]
    again = await client.post("/traces/otlp", export(span(1, **{"gen_ai.prompt": "Forged."})))
    assert again.body["partialSuccess"]["rejectedSpans"] == "1"
    places = (await client.one("/traces/places"))["items"]
    assert [(place["project_id"], place["traces"]) for place in places] == [("agent", 1)]


async def test_unknown_groups_and_foreign_cursors_are_told(client: Client) -> None:
    for tail in ("", "/traces", "/history", "/export"):
        assert (await client.get(f"/traces/groups/grp_none{tail}")).status == 404
    foreign = "WyJhIl0"
    for path in ("/traces/places", "/traces/groups"):
        reply = await client.get(f"{path}?cursor={foreign}")
        assert (reply.status, reply.error["details"]["field"]) == (422, "cursor")


async def test_switched_off_traces_are_only_stored_and_grouped_when_it_is_on_again(start_server: StartServer) -> None:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as first:
        client = await start_server(until=first, grouping_enabled=False)
        reply = await client.post("/traces", {"traces": traces(12)})
        assert (reply.status, reply.body["grouping"]) == (202, "off")
        assert (await client.one("/tasks?task_type=group_traces"))["items"] == []
        assert (await client.call("GET", "/health")).body["parts"]["grouping"]["status"] == "off"
    client = await start_server()
    assert len(await settled(client, 12)) == 1
    health = (await client.call("GET", "/health")).body["parts"]["grouping"]
    assert health["status"] == "ok"


async def test_requests_that_come_at_once_are_one_task(client: Client) -> None:
    await asyncio.gather(*(client.post("/traces", one) for one in traces(40)))
    await settled(client, 40)
    text = (await client.call("GET", "/metrics")).body
    figures = dict(line.split() for line in text.splitlines() if line.startswith("gleanery_grouping_"))
    assert float(figures["gleanery_grouping_requests_total"]) == 40
    tasks = (await client.one("/tasks?task_type=group_traces&limit=100"))["items"]
    superseded = sum(task["status"] == "cancelled" for task in tasks)
    assert float(figures["gleanery_grouping_skipped_total"]) == 40 - len(tasks) + superseded
    assert float(figures["gleanery_grouping_waiting"]) == 0


async def test_a_grouping_whose_process_is_killed_is_done_again(client: Client) -> None:
    children = psutil.Process()
    before = {child.pid for child in children.children(recursive=True)}
    killed, sent = 0, 0
    while killed < 2:
        if not any(place["waiting"] for place in (await client.one("/traces/places"))["items"]):
            await client.post("/traces", {"traces": traces(300, sent)})  # the first, or those before were too quick
            sent += 300
        for child in children.children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by itself
                if child.pid not in before and "process_child" in " ".join(child.cmdline()):
                    child.kill()
                    killed += 1
                    before.add(child.pid)
    (group,) = await settled(client, sent)
    assert group["trace_count"] == sent


async def test_the_traces_of_a_path_are_taken_away_with_their_groups(client: Client) -> None:
    await client.post("/traces", {"traces": traces(40)})
    (group,) = await settled(client, 40)
    await client.post("/traces", {"traces": [{**one, "project_id": "lab"} for one in traces(3)]})
    reply = await client.delete("/traces?project_id=shop&path=/reply")
    assert reply.status == 202
    (told,) = reply.body["tasks"]
    assert (reply.body["project_id"], told["path"], told["traces"]) == ("shop", "/reply", 40)
    assert (await client.ended(told["task_id"])).task["result"] == {
        "project_id": "shop",
        "path": "/reply",
        "traces": 40,
    }
    assert [place["project_id"] for place in (await client.one("/traces/places"))["items"]] == ["lab"]
    assert (await client.get(f"/traces/groups/{group['group_id']}")).status == 404
    assert (await client.delete("/traces?project_id=shop")).status == 404


@pytest.mark.parametrize(
    "query", ["", "project_id=", "project_id=shop&before=yesterday", "project_id=shop&before=2026-01-01"]
)
async def test_what_is_to_go_is_named(client: Client, query: str) -> None:
    await client.post("/traces", {"traces": traces(1)})
    assert (await client.delete(f"/traces?{query}")).status == 422


async def test_old_traces_go_by_themselves(start_server: StartServer) -> None:
    now = datetime.now(UTC)
    old = traces(2, started_at=(now - timedelta(days=31)).isoformat())
    new = traces(3, 2, started_at=(now - timedelta(days=29)).isoformat())
    async with AsyncExitStack() as first:
        client = await start_server(until=first, grouping_enabled=False)
        await client.post("/traces", {"traces": old + new})
    client = await start_server(keep_traces_days=30, grouping_enabled=False)
    async with asyncio.timeout(30):
        while [place["traces"] for place in (await client.one("/traces/places"))["items"]] != [3]:
            pass
    assert (await client.one("/tasks?task_type=forget_traces"))["items"][0]["title"] == "Forget traces of shop /reply"
