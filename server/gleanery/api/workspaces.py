"""`/workspaces`: how the stories of a Shortcut workspace are treated. Secrets go in, and never out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web
from pydantic import SecretStr, TypeAdapter, ValidationError

from gleanery import errors
from gleanery.api import story_shapes as shapes
from gleanery.api.http import answer, read
from gleanery.api.knowledge import check_field
from gleanery.api.route import Route
from gleanery.model import Clock
from gleanery.model.stories import Workspace, WorkspaceName
from gleanery.store.stories import StoryStore, WorkspaceSecrets

CheckUrl = Callable[[str], None]

_NAME: TypeAdapter[str] = TypeAdapter(WorkspaceName)
_TAG = "stories"


class WorkspacesApi:
    """The routes. `check_url` raises InvalidUrl for a webhook that can't be called; without a price no cost can be bounded."""

    def __init__(self, store: StoryStore, check_url: CheckUrl, clock: Clock, *, is_price_set: bool) -> None:
        self._is_price_set = is_price_set
        self._store = store
        self._check_url = check_url
        self._clock = clock

    def routes(self) -> Sequence[Route]:
        all_, one = "/api/v1/workspaces", "/api/v1/workspaces/{name}"
        put = shapes.WorkspaceRequest
        return (
            Route("GET", all_, self.list, "All workspaces", _TAG, shapes.WorkspacePage),
            Route("GET", one, self.get, "One workspace", _TAG, Workspace, errors=(404,)),
            Route("PUT", one, self.put, "Make or change a workspace", _TAG, Workspace, put),
            Route("DELETE", one, self.delete, "Remove it, with its secrets", _TAG, None, status=204, errors=(404, 409)),
        )

    async def list(self, _: web.Request) -> web.Response:
        return answer(shapes.WorkspacePage(items=list(await self._store.workspaces()), next_cursor=None))

    async def get(self, request: web.Request) -> web.Response:
        return answer(await self._store.workspace(request.match_info["name"]))

    async def put(self, request: web.Request) -> web.Response:
        """Raises InvalidInput."""
        name = _name(request.match_info["name"])
        body = await read(request, shapes.WorkspaceRequest)
        if body.max_cost_usd is not None and not self._is_price_set:
            raise errors.InvalidInput(
                "max_cost_usd", "needs a price: set GLEANERY_CHAT_PRICE_PER_MILLION, or leave it out"
            )
        webhook_url = None if body.webhook_url is None else str(body.webhook_url)
        if webhook_url is not None:
            check_field(self._check_url, "webhook_url", webhook_url)
        now = self._clock()
        settings = body.model_dump(exclude={"secret", "api_token", "webhook_url"})
        workspace = Workspace(name=name, **settings, webhook_url=webhook_url, created_at=now, changed_at=now)
        secrets = WorkspaceSecrets(_shown(body.secret), _shown(body.api_token))
        return answer(await self._store.put_workspace(workspace, secrets))

    async def delete(self, request: web.Request) -> web.Response:
        await self._store.delete_workspace(request.match_info["name"])
        return web.Response(status=204)


def _name(text: str) -> str:
    try:
        return _NAME.validate_python(text)
    except ValidationError:
        reason = "must be 1 to 64 small letters, digits, dots, dashes and underscores, a letter or digit first"
        raise errors.InvalidInput("name", reason) from None


def _shown(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
