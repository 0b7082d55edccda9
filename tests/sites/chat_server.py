"""A local server that speaks OpenAI's `POST /v1/chat/completions`, and can fail in the ways real ones do.

async with chat_server(lambda request: '{"text": "yes"}') as server:
    client = ChatClient("gpt-test", "sk-test", base_url=server.base_url)
    server.fail_with(Fault.RATE_LIMITED, times=2, retry_after="1")
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

MODELS = frozenset({"gpt-test", "gpt-other"})


class Fault(StrEnum):
    KEY_REFUSED = "key_refused"  # 401 that quotes the key
    RATE_LIMITED = "rate_limited"  # 429, with Retry-After if one is given
    QUOTA_SPENT = "quota_spent"  # 429 with code insufficient_quota
    SERVER_ERROR = "server_error"  # 500
    HANG = "hang"  # no answer until the client goes or `release()` is called
    DROP = "drop"  # the line breaks without an answer
    REFUSAL = "refusal"  # 200 with a refusal in place of content
    FILTERED = "filtered"  # 200 that ends with content_filter
    FILTERED_BEFORE = "filtered_before"  # 400 with code content_filter
    CUT_OFF = "cut_off"  # 200 with half an answer and finish_reason length
    INVALID_JSON = "invalid_json"  # 200 whose content is no JSON
    OTHER_FORM = "other_form"  # 200 whose content is JSON of another form
    NOT_CHAT = "not_chat"  # 200 with a page for people
    HUGE = "huge"  # 200 with more than anyone reads
    TOO_LONG = "too_long"  # 400 context_length_exceeded
    REFUSES = "refuses"  # 400 for no reason that we know, quoting the key


@dataclass(frozen=True)
class ChatRequest:
    """One request as it came."""

    body: dict[str, Any]
    authorization: str

    @property
    def texts(self) -> list[str]:
        return [message["content"] for message in self.body["messages"]]

    @property
    def form(self) -> str:
        """The kind of answer that was asked for: `json_schema`, `json_object` or `text`."""
        return str((self.body.get("response_format") or {"type": "text"})["type"])

    @property
    def form_name(self) -> str:
        """The name of the answer's schema."""
        return str(self.body["response_format"]["json_schema"]["name"])


@dataclass
class ChatServer:
    """What a test sees of the server. `knows` are the forms that it doesn't refuse;
    `most_at_once` is how many requests were ever in it at the same time."""

    answer: Callable[[ChatRequest], str]
    base_url: str = ""
    knows: frozenset[str] = frozenset({"json_schema", "json_object", "text"})
    refusal_of_forms: str = "Invalid parameter: 'response_format' is not supported with this model."
    old_limit_only: bool = False
    tells_usage: bool = True
    prompt_tokens: int = 100
    completion_tokens: int = 20
    requests: list[ChatRequest] = field(default_factory=list)
    hanging: asyncio.Queue[ChatRequest] = field(default_factory=asyncio.Queue)
    most_at_once: int = 0
    _faults: deque[tuple[Fault, str | None]] = field(default_factory=deque)
    _released: asyncio.Event = field(default_factory=asyncio.Event)
    _now_inside: int = 0

    def fail_with(self, fault: Fault, *, times: int = 1, retry_after: str | None = None) -> None:
        """The next `times` requests meet `fault`; later calls of fail_with queue up behind it."""
        self._faults.extend([(fault, retry_after)] * times)

    def heal(self) -> None:
        self._faults.clear()

    def release(self) -> None:
        """Let every hanging request go on to a proper answer."""
        self._released.set()

    async def completions(self, http: web.Request) -> web.StreamResponse:
        self._now_inside += 1
        self.most_at_once = max(self.most_at_once, self._now_inside)
        try:
            return await self._reply(http)
        finally:
            self._now_inside -= 1

    async def _reply(self, http: web.Request) -> web.StreamResponse:
        request = ChatRequest(await http.json(), http.headers.get("Authorization", ""))
        self.requests.append(request)
        fault, retry_after = self._faults.popleft() if self._faults else (None, None)
        if fault is Fault.HANG:
            self.hanging.put_nowait(request)
            await self._released.wait()
        if fault is Fault.DROP:
            assert http.transport is not None
            http.transport.abort()
        if fault is Fault.NOT_CHAT:
            return web.Response(text="<h1>Welcome to the proxy</h1>", content_type="text/html")
        no = refused(request, fault, retry_after) or self._refused_form(request)
        return no or web.json_response(self._body(request, fault))

    def _refused_form(self, request: ChatRequest) -> web.Response | None:
        if self.old_limit_only and "max_completion_tokens" in request.body:
            return _error(400, "Unrecognized request argument: max_completion_tokens", None, "invalid_request_error")
        if request.form not in self.knows:
            return _error(400, self.refusal_of_forms, None, "invalid_request_error")
        return None

    def _body(self, request: ChatRequest, fault: Fault | None) -> dict[str, Any]:
        content, refusal, finish = self._content(request, fault)
        message = {"role": "assistant", "content": content, "refusal": refusal}
        body: dict[str, Any] = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": request.body["model"],
            "choices": [{"index": 0, "finish_reason": finish, "message": message, "logprobs": None}],
        }
        if self.tells_usage:
            total = self.prompt_tokens + self.completion_tokens
            body["usage"] = {
                "prompt_tokens": self.prompt_tokens,
                "completion_tokens": self.completion_tokens,
                "total_tokens": total,
            }
        return body

    def _content(self, request: ChatRequest, fault: Fault | None) -> tuple[str | None, str | None, str]:
        match fault:
            case Fault.REFUSAL:
                return None, "I can't help with that.", "stop"
            case Fault.FILTERED:
                return "", None, "content_filter"
            case Fault.CUT_OFF:
                text = self.answer(request)
                return text[: len(text) // 2], None, "length"
            case Fault.INVALID_JSON:
                return "Sure! Here is what you asked for.", None, "stop"
            case Fault.OTHER_FORM:
                return '{"unexpected": [1, 2, 3]}', None, "stop"
            case Fault.HUGE:
                return "x" * (3 * 1024 * 1024), None, "stop"
            case _:
                return self.answer(request), None, "stop"


@asynccontextmanager
async def chat_server(answer: Callable[[ChatRequest], str]) -> AsyncIterator[ChatServer]:
    """A running server on a free port of the loopback address; `answer` gives the content of each proper answer."""
    server = ChatServer(answer)
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", server.completions)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield server
    finally:
        server.release()
        await runner.cleanup()


def refused(request: ChatRequest, fault: Fault | None, retry_after: str | None) -> web.Response | None:
    """The answer of a server that doesn't do what it is asked, where `fault` or the model's name makes it so."""
    quoted = request.authorization.removeprefix("Bearer ")
    match fault:
        case Fault.KEY_REFUSED:
            return _error(401, f"Incorrect API key provided: {quoted}.", "invalid_api_key", "invalid_request_error")
        case Fault.RATE_LIMITED:
            headers = {} if retry_after is None else {"Retry-After": retry_after}
            return _error(429, "Rate limit reached.", "rate_limit_exceeded", "requests", headers)
        case Fault.QUOTA_SPENT:
            return _error(429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota")
        case Fault.SERVER_ERROR:
            return _error(500, "The server had an error.", None, "server_error")
        case Fault.FILTERED_BEFORE:
            return _error(400, "The prompt triggered the filter.", "content_filter", None)
        case Fault.TOO_LONG:
            said = "This model's maximum context length is 10 tokens."
            return _error(400, said, "context_length_exceeded", "invalid_request_error")
        case Fault.REFUSES:
            return _error(400, f"{quoted} may not ask this.", None, "invalid_request_error")
    if request.body["model"] not in MODELS:
        said = f"The model `{request.body['model']}` does not exist."
        return _error(404, said, "model_not_found", "invalid_request_error")
    return None


def _error(
    status: int, message: str, code: str | None, type_: str | None, headers: dict[str, str] | None = None
) -> web.Response:
    body = {"error": {"message": message, "type": type_, "param": None, "code": code}}
    return web.json_response(body, status=status, headers=headers)
