"""`/workspaces`: settings in and out, secrets in only."""

from __future__ import annotations

import json

import pytest

from tests.api.client import Client
from tests.api.storied import put
from tests.sites.shortcut import SECRET, TOKEN


async def test_a_workspace_is_made_shown_listed_and_removed(client: Client) -> None:
    made = await put(client, needs_approval=True, model="gpt-x", max_tokens=None)
    assert (made["is_secret_set"], made["is_token_set"], made["needs_approval"]) == (True, True, True)
    assert {"secret", "api_token"}.isdisjoint(made)
    assert SECRET not in json.dumps(made)
    assert await client.one("/workspaces/acme") == made
    await put(client, "beta")
    assert [each["name"] for each in (await client.one("/workspaces"))["items"]] == ["acme", "beta"]
    assert (await client.delete("/workspaces/acme")).status == 204
    assert (await client.get("/workspaces/acme")).status == 404
    assert (await client.delete("/workspaces/acme")).status == 404


async def test_what_is_left_out_is_as_by_default_but_the_secrets_stay(client: Client) -> None:
    first = await put(client, dry_run=True)
    reply = await client.call("PUT", "/api/v1/workspaces/acme", json={"api_token": ""})
    assert (reply.body["dry_run"], reply.body["is_secret_set"], reply.body["is_token_set"]) == (False, True, False)
    assert reply.body["created_at"] == first["created_at"]
    assert reply.body["changed_at"] > first["changed_at"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"enhance_label": ""}, "enhance_label"),
        ({"enhance_label": "same", "analyze_label": "same"}, "body"),
        ({"enhanced_label": "enhance"}, "body"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_age_seconds": 1}, "max_age_seconds"),
        ({"webhook_url": "http://10.0.0.1/"}, "webhook_url"),
        ({"api_token": f"{TOKEN}\nX: y"}, "body"),
        ({"secret": "s" * 501}, "secret"),
        ({"token": "x"}, "token"),
    ],
)
async def test_what_can_not_be_is_refused_by_its_name(client: Client, body: dict[str, object], field: str) -> None:
    reply = await client.call("PUT", "/api/v1/workspaces/acme", json=body)
    assert (reply.status, reply.error["details"]["field"]) == (422, field)
    assert TOKEN not in json.dumps(reply.body)
    assert (await client.one("/workspaces"))["items"] == []


@pytest.mark.parametrize("name", ["Acme", "a b", "-a", "a" * 65, "%2e%2e%2fx"])
async def test_a_name_is_small_letters(client: Client, name: str) -> None:
    reply = await client.call("PUT", f"/api/v1/workspaces/{name}", json={"secret": TOKEN})
    assert (reply.status, reply.error["details"]["field"]) == (422, "name")
