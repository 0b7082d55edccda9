"""What all REST routes share: reading requests into models, answering, errors in the one shape, cursors."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from gleanery import errors, log
from gleanery.api import wire
from gleanery.engine.handler import field_of
from gleanery.store.values import Idempotency

_log = log.get(__name__)
Model = TypeVar("Model", bound=BaseModel)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 1024 * 1024
DEFAULT_LIMIT = 50
MAX_LIMIT = 500

_STATUS: tuple[tuple[type[errors.GleaneryError], int], ...] = (
    (errors.InvalidInput, 422),
    (errors.BadRequest, 400),
    (errors.Unauthorized, 401),
    (errors.Forbidden, 403),
    (errors.NotFound, 404),
    (errors.WrongState, 409),
    (errors.IdempotencyConflict, 409),
    (errors.QueueFull, 503),
    (errors.UploadTooLarge, 413),
    (errors.UnsupportedType, 415),
    (errors.StorageAway, 503),
    (errors.StorageError, 507),
    (errors.EmbedError, 502),
    (errors.ShortcutError, 502),
    (errors.FetchError, 502),
)


def answer(shape: BaseModel, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(text=shape.model_dump_json(), status=status, content_type="application/json", headers=headers)


def failure(
    status: int, code: str, message: str, details: dict[str, Any] | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    body = wire.ErrorReply(error=wire.ErrorBody(code=code, message=message, details=details or {}))
    return answer(body, status=status, headers=headers)


def of_error(error: errors.GleaneryError) -> web.Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    headers = {"Retry-After": "5"} if status in (503, 507) else None
    return failure(status, error.code, error.message, error.details, headers)


async def read(request: web.Request, model: type[Model]) -> Model:
    """The JSON body as `model`. Raises BadRequest for what is not JSON, InvalidInput for a wrong field."""
    if request.content_type not in ("application/json", "application/octet-stream") and request.can_read_body:
        raise errors.BadRequest(f"Send JSON with Content-Type: application/json, not {request.content_type}.")
    raw = await request.read()
    try:
        data = json.loads(raw) if raw else {}
    except (ValueError, RecursionError) as error:
        raise errors.BadRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(data, dict):
        raise errors.BadRequest("The body must be a JSON object.")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        reason = "unknown field" if first["type"] == "extra_forbidden" else first["msg"]
        raise errors.InvalidInput(field_of(first["loc"], data) or "body", reason) from None


def limit_of(request: web.Request, default: int = DEFAULT_LIMIT) -> int:
    return int_of(request, "limit", default, least=1, most=MAX_LIMIT)


def int_of(request: web.Request, name: str, default: int, *, least: int = 0, most: int = 2**62) -> int:
    """A whole number of the query string. Raises InvalidInput naming it."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not least <= int(text[:20]) <= most:
        raise errors.InvalidInput(name, f"must be a whole number from {least} to {most}")
    return int(text)


def flag_of(request: web.Request, name: str) -> bool:
    """`true` or `false` of the query string; without it false. Raises InvalidInput naming it."""
    text = request.query.get(name, "false")
    if text not in ("true", "false"):
        raise errors.InvalidInput(name, "must be true or false")
    return text == "true"


def cursor_of(request: web.Request) -> list[Any] | None:
    """The key of the last row of the page before. Raises InvalidInput for one that we didn't make."""
    text = request.query.get("cursor")
    if not text:
        return None
    try:
        key = json.loads(base64.urlsafe_b64decode(text.encode() + b"=="))
    except (ValueError, binascii.Error):
        key = None
    if not (isinstance(key, list) and all(map(_is_key_part, key))):
        raise errors.InvalidInput("cursor", "is not one that a listing gave")
    return key


def _is_key_part(value: Any) -> bool:
    """Whether a database can compare with it: text that has a UTF-8 form, or a number of 64 bits."""
    if isinstance(value, str):
        return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)
    return isinstance(value, int | float) and abs(value) < 2**63


def make_cursor(*key: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def idempotency_of(request: web.Request, body: BaseModel) -> Idempotency | None:
    """The client's key with a hash of what was asked; None without the header. Raises InvalidInput for a bad key."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not 1 <= len(key) <= 255:
        raise errors.InvalidInput("Idempotency-Key", "must have 1 to 255 characters")
    asked = f"{request.method} {request.path} {body.model_dump_json()}"
    return Idempotency(key, hashlib.sha256(asked.encode()).hexdigest())


@web.middleware
async def error_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error leaves in the one shape; every request leaves one log line."""
    started = time.perf_counter()
    response = await _guarded(request, handler)
    _log.info(
        "request",
        extra={
            "method": request.method,
            "path": request.path,
            "status": response.status,
            "ms": round((time.perf_counter() - started) * 1000, 1),
        },
    )
    return response


async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except errors.GleaneryError as error:
        return of_error(error)
    except web.HTTPRequestEntityTooLarge:
        return failure(413, "too_large", f"The body is larger than {MAX_BODY_BYTES} bytes.")
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        return failure(
            405, "method_not_allowed", f"{request.method} is not possible here; {allowed} is.", None, {"Allow": allowed}
        )
    except web.HTTPNotFound:
        return failure(404, "not_found", f"There is nothing at {request.path}.")
    except web.HTTPException as error:
        return failure(error.status, "http_error", error.reason)
    except Exception:  # noqa: BLE001 - a request is answered whatever happened; the log has the details
        _log.exception("request failed", extra={"method": request.method, "path": request.path})
        return failure(500, "internal_error", "Something unexpected went wrong; the server's log has the details.")
