"""Who may come in: API keys, and guards against other sites' pages talking to a server on loopback.

Without keys only loopback is served, and then the Host header must name loopback too (DNS rebinding). A browser's
request from another origin is refused: pages of other sites can't start crawls here.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware
from pydantic import SecretStr

from gleanery import errors
from gleanery.api.http import Handler
from gleanery.config import is_loopback

OPEN_PATHS = ("/health", "/openapi.json", "/docs")
SIGNED_PREFIX = "/api/v1/webhooks/shortcut/"
"""Webhooks from outside bring a signature in place of a key, under whatever name their sender knows us by."""
GUARDED_PREFIXES = ("/api/", "/ws/", "/metrics", "/health/")


class Gate:
    """Decides about keys, hosts and origins for REST, plain WebSocket and Socket.IO alike."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        self._keys = tuple(key.get_secret_value().encode() for key in keys)

    @property
    def needs_key(self) -> bool:
        return bool(self._keys)

    def check_key(self, key: str | None) -> None:
        """Raises Unauthorized. Takes as long for a wrong key as for a right one."""
        if not self._keys:
            return
        given = (key or "").encode()
        matches = [hmac.compare_digest(given, known) for known in self._keys]
        if True not in matches:
            raise errors.Unauthorized(
                "This server needs an API key: send it as 'Authorization: Bearer <key>'."
                if not key
                else "This API key is not one of the server's."
            )

    def check_place(self, headers: Mapping[str, str]) -> None:
        """Raises Forbidden for a Host that can't be ours, or an Origin that is another than the Host."""
        host = headers.get("Host", "")
        name = urlsplit(f"//{host}").hostname or ""
        if not self._keys and not (is_loopback(name) or name.endswith(".localhost")):
            raise errors.Forbidden(
                f"Without API keys this server answers only under a loopback name, not {name!r}.", host=host
            )
        origin = headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != host:
            raise errors.Forbidden("Requests from another origin are not taken.", origin=origin, host=host)


def key_in(request: web.Request) -> str | None:
    """The key that a request brings: `Authorization: Bearer`, or `X-API-Key`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.headers.get("X-API-Key")


def gate_middleware(gate: Gate) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(SIGNED_PREFIX):
            return await handler(request)
        if not request.path.startswith("/socket.io/"):  # it asks the gate itself, see `live`
            gate.check_place(request.headers)
        if request.path.startswith(GUARDED_PREFIXES):
            gate.check_key(key_in(request) or (request.query.get("key") if request.path.startswith("/ws/") else None))
        return await handler(request)

    return check
