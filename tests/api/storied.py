"""What tests of stories share: a workspace over a local Shortcut, webhooks sent to a server, and a story seen to its end."""

from __future__ import annotations

from typing import Any

from tests.api.client import Client, Reply
from tests.sites.shortcut import SECRET, TOKEN, Shortcut

FINAL = ("completed", "failed", "cancelled")
ENDS = ["needs_approval", "written", "dry_run", "conflict", "rejected", "failed", "cancelled", "superseded"]


async def put(client: Client, name: str = "acme", **settings: Any) -> dict[str, Any]:
    """A workspace with its secrets."""
    body = {"secret": SECRET, "api_token": TOKEN, **settings}
    reply = await client.call("PUT", f"/api/v1/workspaces/{name}", json=body)
    assert reply.status == 200, reply
    made: dict[str, Any] = reply.body
    return made


async def send(client: Client, body: bytes, headers: dict[str, str], name: str = "acme") -> Reply:
    return await client.call("POST", f"/api/v1/webhooks/shortcut/{name}", data=body, headers=headers)


async def ask(client: Client, there: Shortcut, number: int, label: str = "enhance") -> str:
    """Give a story a label; the id under which it is worked on."""
    there.label(number, [*there.names(number), label])
    reply = await send(client, *there.webhook(number, added=[label]))
    assert reply.status == 202, reply
    return str(reply.body["stories"][0]["story_id"])


async def story_in(client: Client, story_id: str, *states: str) -> dict[str, Any]:
    """The story, once it is in one of these states."""
    while (story := await client.one(f"/stories/{story_id}"))["state"] not in states:
        left = [task["task_id"] for task in story["tasks"] if task["status"] not in FINAL]
        assert left, f"it stays {story['state']}: {story['error']}"
        await client.ended(left[0])
    return story


async def ended(client: Client, story_id: str) -> dict[str, Any]:
    """The story, once nothing works on it any more."""
    return await story_in(client, story_id, *ENDS)
