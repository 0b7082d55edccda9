"""A local server that speaks OpenAI's `POST /v1/embeddings`, and can fail in the ways the real one does.

async with openai_api() as api:
    embedder = OpenAIEmbedder(EmbedderOptions(kind="openai", base_url=api.base_url), "sk-test")
    api.fail_with(Fault.RATE_LIMITED, times=2, retry_after="1")
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from aiohttp import web
from numpy.typing import NDArray

MODELS = frozenset({"text-embedding-3-small", "text-embedding-3-large"})


class Fault(StrEnum):
    KEY_REFUSED = "key_refused"  # 401
    RATE_LIMITED = "rate_limited"  # 429, with Retry-After if one is given
    QUOTA_SPENT = "quota_spent"  # 429 with code insufficient_quota
    SERVER_ERROR = "server_error"  # 500
    WRONG_DIMENSIONS = "wrong_dimensions"  # one dimension less than asked for
    WRONG_COUNT = "wrong_count"  # one vector less than texts
    ZEROS = "zeros"
    NOT_JSON = "not_json"  # 200 with a page for people
    NO_DIMENSIONS = "no_dimensions"  # 400 where a size is asked for
    NO_BASE64 = "no_base64"  # 400 for encoding_format base64, as some compatible servers do
    HANG = "hang"  # no answer until the client goes or `release()` is called
    DROP = "drop"  # the line breaks without an answer
    CUT = "cut"  # the line breaks within the answer
    REDIRECT = "redirect"  # 307 to another path
    FLOOD = "flood"  # 200 with an answer without end


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    model: str
    input: tuple[str, ...]
    dimensions: int | None
    encoding_format: str
    authorization: str


@dataclass(frozen=True)
class Dislike:
    """Texts that the server never takes: those with `word` in them. Status 200 stands for a vector of `fill` alone."""

    word: str
    status: int = 400
    message: str = "input is not acceptable."
    code: str | None = None
    fill: float = 0.0


@dataclass
class OpenAIApi:
    """What a test sees of the server. `most_at_once` is how many requests were ever in it at the same time.

    It refuses more than `most_texts` in one request, and whatever it dislikes; a text with `hangs_on` in it gets no answer.
    `headers` go with every proper answer; it says
    what it charges for unless `tells_usage` is off.
    """

    dimensions: int = 1536
    base_url: str = ""
    most_texts: int = 2048
    dislikes: tuple[Dislike, ...] = ()
    hangs_on: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    tells_usage: bool = True
    models: frozenset[str] = MODELS
    requests: list[Request] = field(default_factory=list)
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    most_at_once: int = 0
    _faults: deque[tuple[Fault | None, str | None]] = field(default_factory=deque)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _now_inside: int = 0

    def fail_with(self, fault: Fault, *, times: int = 1, retry_after: str | None = None) -> None:
        """The next `times` requests meet `fault`; later calls of fail_with queue up behind it."""
        self._faults.extend([(fault, retry_after)] * times)

    def answer_then_hang(self, answers: int) -> None:
        """The next so many requests are answered, the one after them hangs."""
        self._faults.extend([(None, None)] * answers)
        self.fail_with(Fault.HANG)

    def heal(self) -> None:
        self._faults.clear()

    def release(self) -> None:
        """Let every hanging request go on to a proper answer."""
        self._released.set()

    async def embeddings(self, http: web.Request) -> web.StreamResponse:
        self._now_inside += 1
        self.most_at_once = max(self.most_at_once, self._now_inside)
        try:
            return await self._answer(http)
        finally:
            self._now_inside -= 1

    async def _answer(self, http: web.Request) -> web.StreamResponse:
        request = _parse(await http.json(), http.headers.get("Authorization", ""))
        self.requests.append(request)
        fault, retry_after = self._faults.popleft() if self._faults else (None, None)
        if fault is Fault.HANG or (self.hangs_on and any(self.hangs_on in text for text in request.input)):
            self.hanging.set()
            await self._released.wait()
        if fault is Fault.DROP:
            assert http.transport is not None
            http.transport.abort()
        if fault in (Fault.CUT, Fault.FLOOD):
            return await _stream(http, is_endless=fault is Fault.FLOOD)
        if fault is Fault.REDIRECT:
            raise web.HTTPTemporaryRedirect("/v1/elsewhere")
        if fault is Fault.NOT_JSON:
            return web.Response(text="<h1>Welcome to the proxy</h1>", content_type="text/html")
        refusal = _refusal(request, fault, retry_after, self.models) or self._disliked(request)
        return refusal or web.json_response(self._body(request, fault), headers=self.headers)

    def _disliked(self, request: Request) -> web.Response | None:
        count, most = len(request.input), self.most_texts
        if count > most:
            return _error(422, f"batch size {count} > maximum allowed batch size {most}", None, "validation")
        for dislike in self.dislikes:
            if dislike.status != 200 and any(dislike.word in text for text in request.input):
                return _error(dislike.status, dislike.message, dislike.code, "invalid_request_error")
        return None

    def _vector(self, text: str, dimensions: int) -> NDArray[np.float32]:
        for dislike in self.dislikes:
            if dislike.status == 200 and dislike.word in text:
                return np.full(dimensions, dislike.fill, np.float32)
        return vector_of(text, dimensions)

    @property
    def texts(self) -> list[str]:
        """Every text that came, in the order of the requests."""
        return [text for request in self.requests for text in request.input]

    def _body(self, request: Request, fault: Fault | None) -> dict[str, Any]:
        dimensions = (request.dimensions or self.dimensions) - (fault is Fault.WRONG_DIMENSIONS)
        vectors = [self._vector(text, dimensions) * (fault is not Fault.ZEROS) for text in request.input]
        data = [
            {"object": "embedding", "index": index, "embedding": _encoded(vector, request.encoding_format)}
            for index, vector in enumerate(vectors)
        ]
        if fault is Fault.WRONG_COUNT:
            data.pop()
        total = sum(len(text.split()) for text in request.input)
        data.reverse()  # the API promises an index, not an order
        usage = {"usage": {"prompt_tokens": total, "total_tokens": total}} if self.tells_usage else {}
        return {"object": "list", "data": data, "model": request.model, **usage}


def vector_of(text: str, dimensions: int = 1536) -> NDArray[np.float32]:
    """The vector that this server gives for `text`: random-looking, the same every time, of length 1."""
    seed = int.from_bytes(hashlib.sha256(" ".join(text.split()).encode()).digest()[:8], "little")
    vector = np.random.default_rng(seed).standard_normal(dimensions).astype(np.float32)
    normalised: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return normalised


@asynccontextmanager
async def openai_api(dimensions: int = 1536) -> AsyncIterator[OpenAIApi]:
    """A running server on a free port of the loopback address."""
    api = OpenAIApi(dimensions)
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/embeddings", api.embeddings)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        api.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield api
    finally:
        api.release()
        await runner.cleanup()


async def _stream(http: web.Request, *, is_endless: bool) -> web.StreamResponse:
    response = web.StreamResponse(headers={} if is_endless else {"Content-Length": "1000"})
    await response.prepare(http)
    await response.write(b'{"data": [')
    assert http.transport is not None
    while is_endless and not http.transport.is_closing():
        await response.write(b"0, " * 100_000)
    http.transport.abort()
    return response


def _parse(body: dict[str, Any], authorization: str) -> Request:
    given = body["input"]
    return Request(
        model=body["model"],
        input=(given,) if isinstance(given, str) else tuple(given),
        dimensions=body.get("dimensions"),
        encoding_format=body.get("encoding_format", "float"),
        authorization=authorization,
    )


def _refusal(
    request: Request, fault: Fault | None, retry_after: str | None, models: frozenset[str]
) -> web.Response | None:
    if fault is Fault.KEY_REFUSED:
        quoted = request.authorization.removeprefix("Bearer ")
        return _error(401, f"Incorrect API key provided: {quoted}.", "invalid_api_key", "invalid_request_error")
    if fault is Fault.RATE_LIMITED:
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        return _error(429, "Rate limit reached.", "rate_limit_exceeded", "requests", headers)
    if fault is Fault.QUOTA_SPENT:
        return _error(429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota")
    if fault is Fault.SERVER_ERROR:
        return _error(500, "The server had an error.", None, "server_error")
    if fault is Fault.NO_DIMENSIONS and request.dimensions is not None:
        return _error(400, "This model does not support specifying dimensions.", None, "invalid_request_error")
    if fault is Fault.NO_BASE64 and request.encoding_format != "float":
        return _error(400, "encoding_format: only float is supported.", None, "invalid_request_error")
    if request.model not in models:
        return _error(404, f"The model `{request.model}` does not exist.", "model_not_found", "invalid_request_error")
    if not all(request.input):
        return _error(400, "input cannot be an empty string.", None, "invalid_request_error")
    return None


def _error(
    status: int, message: str, code: str | None, type_: str, headers: dict[str, str] | None = None
) -> web.Response:
    body = {"error": {"message": message, "type": type_, "param": None, "code": code}}
    return web.json_response(body, status=status, headers=headers)


def _encoded(vector: NDArray[np.float32], encoding_format: str) -> str | list[float]:
    if encoding_format == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(value) for value in vector]
