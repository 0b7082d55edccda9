"""A local server that speaks OpenAI's Responses and Chat Completions APIs to agents: tools, answers in a form, streams, faults.

async with model_server(lambda turn: Calls(("search_knowledge", {"query": "x"})) if not turn.results else "{…}") as server:
    server.fail_with(Fault.RATE_LIMITED, retry_after="1")

`paid` is what it has charged for: one entry for each answer that it began to send, with the key that the request had.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.sites.chat_server import ChatRequest, Fault, refused


class Calls:
    """An answer that calls tools: a name with arguments, which are sent as JSON, or as they are where they are text."""

    def __init__(self, *calls: tuple[str, dict[str, Any] | str]) -> None:
        self.calls = calls


@dataclass(frozen=True)
class Turn:
    """One request, read the same way whichever API it came by. `said` are the texts of user and assistant, `results` what the
    tools gave back."""

    api: str
    body: dict[str, Any]
    authorization: str
    key: str
    instructions: str
    said: tuple[str, ...]
    results: tuple[str, ...]

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema that the answer must fit."""
        if self.api == "chat":
            wanted = self.body.get("response_format")
            return None if wanted is None else dict(wanted["json_schema"]["schema"])
        wanted = (self.body.get("text") or {}).get("format")
        return None if wanted is None else dict(wanted["schema"])

    def asks_for(self, field_name: str) -> bool:
        """Whether the answer must have this field."""
        return field_name in (self.schema or {}).get("properties", {})

    @property
    def tools(self) -> tuple[str, ...]:
        return tuple((tool.get("function") or tool)["name"] for tool in self.body.get("tools") or ())

    @property
    def may_call(self) -> bool:
        return bool(self.tools) and self.body.get("tool_choice") != "none"


Answer = Callable[[Turn], "Calls | str"]


@dataclass
class ModelServer:
    """What a test sees of the server. `apis` are those that it speaks, `knows_forms` whether it holds answers to a schema;
    `paid` is what it has charged for."""

    answer: Answer
    apis: frozenset[str] = frozenset({"responses", "chat"})
    knows_forms: bool = True
    knows_tools: bool = True
    old_limit_only: bool = False
    unknown_is_a_page: bool = False
    """Whether it answers 200 with a page for people where it doesn't speak an API, in place of 404."""
    prompt_tokens: int = 100
    completion_tokens: int = 20
    base_url: str = ""
    turns: list[Turn] = field(default_factory=list)
    paid: list[Turn] = field(default_factory=list)
    hanging: asyncio.Queue[Turn] = field(default_factory=asyncio.Queue)
    """Requests that wait without an answer."""
    on_end: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    """What is awaited when the server ends: clients that were opened for it are closed so."""
    _faults: deque[tuple[Fault | None, str | None]] = field(default_factory=deque)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def fail_with(self, fault: Fault, *, after: int = 0, times: int = 1, retry_after: str | None = None) -> None:
        """After so many proper answers, the next `times` requests meet `fault`."""
        self._faults.extend([(None, None)] * after + [(fault, retry_after)] * times)

    def release(self) -> None:
        """Let go on what hangs now; what is to hang later does."""
        self._released.set()
        self._released = asyncio.Event()

    async def responses(self, http: web.Request) -> web.StreamResponse:
        return await self._reply(http, "responses")

    async def completions(self, http: web.Request) -> web.StreamResponse:
        return await self._reply(http, "chat")

    async def _reply(self, http: web.Request, api: str) -> web.StreamResponse:
        if api not in self.apis:
            if self.unknown_is_a_page:
                return web.Response(text="<h1>Welcome to the proxy</h1>", content_type="text/html")
            return web.json_response({"detail": "Not Found"}, status=404)
        turn = _turn(await http.json(), http.headers, api)
        self.turns.append(turn)
        fault, retry_after = self._faults.popleft() if self._faults else (None, None)
        if fault is Fault.HANG:
            self.hanging.put_nowait(turn)
            await self._released.wait()
        if fault is Fault.DROP:
            assert http.transport is not None
            http.transport.abort()
            return web.Response()
        if fault is Fault.NOT_CHAT:
            return web.Response(text="<h1>Welcome to the proxy</h1>", content_type="text/html")
        no = refused(ChatRequest(turn.body, turn.authorization), fault, retry_after) or self._unknown(turn)
        if no is not None:
            return no
        self.paid.append(turn)
        said, refusal, is_cut = self._said(turn, fault)
        whole = (
            self._response(turn, said, refusal, is_cut)
            if api == "responses"
            else self._chat(turn, said, refusal, is_cut)
        )
        if fault is Fault.FILTERED and api == "chat":
            whole["choices"][0] |= {"finish_reason": "content_filter"}
        if turn.body.get("stream"):
            return await _streamed(http, api, whole)
        return web.json_response(whole)

    def _unknown(self, turn: Turn) -> web.Response | None:
        said = ""
        if self.old_limit_only and "max_completion_tokens" in turn.body:
            said = "Unrecognized request argument: max_completion_tokens"
        elif not self.knows_forms and turn.schema is not None:
            said = "Invalid parameter: 'response_format' of type 'json_schema' is not supported."
        elif not self.knows_tools and turn.tools:
            said = "registry/model does not support tools"
        error = {"message": said, "type": "invalid_request_error", "param": None, "code": None}
        return web.json_response({"error": error}, status=400) if said else None

    def _said(self, turn: Turn, fault: Fault | None) -> tuple[Calls | str, str | None, bool]:
        match fault:
            case Fault.REFUSAL:
                return "", "I can't help with that.", False
            case Fault.FILTERED:
                return "", None if turn.api == "chat" else "Withheld.", False
            case Fault.INVALID_JSON:
                return "Sure! Here is what you asked for.", None, False
            case Fault.OTHER_FORM:
                return '{"unexpected": [1, 2, 3]}', None, False
            case Fault.HUGE:
                return "x" * (3 * 1024 * 1024), None, False
        said = self.answer(turn)
        if fault is Fault.CUT_OFF and isinstance(said, str):
            return said[: len(said) // 2], None, True
        return said, None, False

    def _response(self, turn: Turn, said: Calls | str, refusal: str | None, is_cut: bool) -> dict[str, Any]:
        if isinstance(said, Calls):
            output: list[dict[str, Any]] = [
                {"type": "function_call", "id": f"fc_{number}", "status": "completed", **_called(turn, number, call)}
                for number, call in enumerate(said.calls)
            ]
        else:
            part: dict[str, Any] = {"type": "output_text", "text": said, "annotations": []}
            if refusal is not None:
                part = {"type": "refusal", "refusal": refusal}
            output = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}]
        return {
            "id": f"resp_{len(self.turns)}",
            "object": "response",
            "created_at": 1,
            "status": "incomplete" if is_cut else "completed",
            "incomplete_details": {"reason": "max_output_tokens"} if is_cut else None,
            "model": turn.body["model"],
            "output": [{"type": "reasoning", "id": "rs_1", "summary": []}, *output],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {
                "input_tokens": self.prompt_tokens,
                "input_tokens_details": {"cached_tokens": 0},
                "output_tokens": self.completion_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": self.prompt_tokens + self.completion_tokens,
            },
        }

    def _chat(self, turn: Turn, said: Calls | str, refusal: str | None, is_cut: bool) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": refusal}
        if isinstance(said, Calls):
            made = [_called(turn, number, call) for number, call in enumerate(said.calls)]
            message["tool_calls"] = [
                {
                    "id": call["call_id"],
                    "type": "function",
                    "function": {"name": call["name"], "arguments": call["arguments"]},
                }
                for call in made
            ]
        else:
            message["content"] = said
        limit = turn.body.get("max_completion_tokens") or turn.body.get("max_tokens")
        completion_tokens = int(limit or 0) if is_cut else self.completion_tokens
        finish = "length" if is_cut else "tool_calls" if isinstance(said, Calls) else "stop"
        return {
            "id": f"chatcmpl-{len(self.turns)}",
            "object": "chat.completion",
            "created": 1,
            "model": turn.body["model"],
            "choices": [{"index": 0, "finish_reason": finish, "message": message, "logprobs": None}],
            "usage": {
                "prompt_tokens": self.prompt_tokens,
                "completion_tokens": completion_tokens,
                "total_tokens": self.prompt_tokens + completion_tokens,
            },
        }


@asynccontextmanager
async def model_server(answer: Answer) -> AsyncIterator[ModelServer]:
    """A running server on a free port of the loopback address."""
    server = ModelServer(answer)
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/responses", server.responses)
    app.router.add_post("/v1/chat/completions", server.completions)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield server
    finally:
        for end in server.on_end:
            await end()
        server.release()
        await runner.cleanup()


def _turn(body: dict[str, Any], headers: Any, api: str) -> Turn:
    said, results, instructions = [], [], str(body.get("instructions") or "")
    for item in body["messages"] if api == "chat" else body["input"]:
        if item.get("role") == "system":
            instructions += _text(item["content"])
        elif item.get("role") == "tool":
            results.append(_text(item["content"]))
        elif item.get("type") == "function_call_output":
            results.append(_text(item["output"]))
        elif item.get("content"):
            said.append(_text(item["content"]))
    key = headers.get("Idempotency-Key", "")
    return Turn(api, body, headers.get("Authorization", ""), key, instructions, tuple(said), tuple(results))


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def _called(turn: Turn, number: int, call: tuple[str, dict[str, Any] | str]) -> dict[str, str]:
    name, arguments = call
    told = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"call_id": f"call_{len(turn.results)}_{number}", "name": name, "arguments": told}


async def _streamed(http: web.Request, api: str, whole: dict[str, Any]) -> web.StreamResponse:
    """The answer as server-sent events, its text in pieces."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(http)
    for event in _response_events(whole) if api == "responses" else _chat_events(whole):
        name = f"event: {event['type']}\n" if api == "responses" else ""
        await response.write(f"{name}data: {json.dumps(event)}\n\n".encode())
    if api == "chat":
        await response.write(b"data: [DONE]\n\n")
    return response


def _response_events(whole: dict[str, Any]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**whole, "output": [], "status": "in_progress"}}
    ]
    for index, item in enumerate(whole["output"]):
        events.append({"type": "response.output_item.added", "output_index": index, "item": item})
        for part in item.get("content") or ():
            events += [
                {
                    "type": "response.output_text.delta",
                    "item_id": item["id"],
                    "output_index": index,
                    "content_index": 0,
                    "delta": piece,
                    "logprobs": [],
                }
                for piece in _pieces(part.get("text", ""))
            ]
        events.append({"type": "response.output_item.done", "output_index": index, "item": item})
    events.append({"type": f"response.{whole['status']}", "response": whole})
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


def _chat_events(whole: dict[str, Any]) -> list[dict[str, Any]]:
    choice = whole["choices"][0]
    message = choice["message"]
    calls = [{"index": number, **call} for number, call in enumerate(message.get("tool_calls") or ())]
    deltas: list[dict[str, Any]] = [{"role": "assistant"}, *({"tool_calls": [call]} for call in calls)]
    deltas += [{"content": piece} for piece in _pieces(message["content"] or "")]
    head = {"id": whole["id"], "object": "chat.completion.chunk", "created": 1, "model": whole["model"]}
    events = [{**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    end = [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]
    return [*events, {**head, "choices": end}, {**head, "choices": [], "usage": whole["usage"]}]


def _pieces(text: str) -> list[str]:
    return [text[at : at + 7] for at in range(0, len(text), 7)]
