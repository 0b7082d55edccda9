"""`/webhooks/deliveries`: which webhook calls were made, which are still to be made, and which were given up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiohttp import web
from pydantic import Field

from gleanery import errors
from gleanery.api.http import answer, cursor_of, limit_of, make_cursor
from gleanery.api.knowledge import time_key
from gleanery.api.route import PAGED, Query, Route
from gleanery.api.wire import Shape
from gleanery.model import Delivery, DeliveryState
from gleanery.store.base import OutboxStore


class DeliveryShape(Shape):
    delivery_id: str = Field(description="The `webhook-id` of every attempt.")
    task_id: str
    url: str
    type: str = Field(description="`task.` and the state that the call tells of, or `source.changed`.")
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_at: datetime | None = Field(
        description="When it is sent next; during a call, when it is sent again at the latest."
    )
    settled_at: datetime | None = Field(description="When it was taken or given up.")
    last_status_code: int | None
    last_error: str | None


class DeliveryDetail(DeliveryShape):
    body: dict[str, Any] = Field(description="What is sent.")


class DeliveryPage(Shape):
    items: list[DeliveryShape]
    next_cursor: str | None


class WebhooksApi:
    """The routes."""

    def __init__(self, outbox: OutboxStore) -> None:
        self._outbox = outbox

    def routes(self) -> Sequence[Route]:
        deliveries = "/api/v1/webhooks/deliveries"
        states = Query("state", "Only in this state.", values=[str(s) for s in DeliveryState])
        return (
            Route(
                "GET",
                deliveries,
                self.list,
                "Webhook calls, newest first",
                "webhooks",
                DeliveryPage,
                query=(*PAGED, states, Query("task_id", "Only of this task.")),
            ),
            Route(
                "GET",
                f"{deliveries}/{{delivery_id}}",
                self.one,
                "One webhook call with its body",
                "webhooks",
                DeliveryDetail,
                errors=(404,),
            ),
            Route(
                "POST",
                f"{deliveries}/{{delivery_id}}/retry",
                self.retry,
                "Send a dead webhook call again",
                "webhooks",
                DeliveryDetail,
                status=202,
                errors=(404, 409),
            ),
        )

    async def list(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._outbox.list(
            state=_state(request),
            task_id=request.query.get("task_id"),
            after=time_key(cursor_of(request)),
            limit=limit,
        )
        cursor = make_cursor(rows[-1].created_at.timestamp(), rows[-1].delivery_id) if len(rows) == limit else None
        return answer(DeliveryPage(items=[DeliveryShape(**_facts(row)) for row in rows], next_cursor=cursor))

    async def one(self, request: web.Request) -> web.Response:
        return answer(_detail(await self._outbox.get(request.match_info["delivery_id"])))

    async def retry(self, request: web.Request) -> web.Response:
        """The sender sees it within a second: it looks by itself."""
        delivery = await self._outbox.retry(request.match_info["delivery_id"])
        location = f"/api/v1/webhooks/deliveries/{delivery.delivery_id}"
        return answer(_detail(delivery), status=202, headers={"Location": location})


def _facts(delivery: Delivery) -> dict[str, Any]:
    return {name: getattr(delivery, name) for name in DeliveryShape.model_fields}


def _detail(delivery: Delivery) -> DeliveryDetail:
    return DeliveryDetail(**_facts(delivery), body=json.loads(delivery.body))


def _state(request: web.Request) -> DeliveryState | None:
    text = request.query.get("state")
    if not text:
        return None
    try:
        return DeliveryState(text)
    except ValueError:
        raise errors.InvalidInput("state", f"must be one of {', '.join(DeliveryState)}") from None
