"""A Socket.IO client that follows one task as the protocol asks: acks and messages, trimmed and checked for gaps."""

from __future__ import annotations

import asyncio
from typing import Any

import socketio

FINAL = ("completed", "failed", "cancelled")
MESSAGE_SECONDS = 20.0


class Watcher:
    """Follows the task `task_id`. `events` are those it has seen, in order; `messages` are all that came for it."""

    def __init__(self, url: str, task_id: str) -> None:
        self.url = url
        self.task_id = task_id
        self.events: list[dict[str, Any]] = []
        self.messages: list[dict[str, Any]] = []
        self.names: set[str] = set()
        self._arrived: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._line: socketio.AsyncClient | None = None

    @property
    def last_seq(self) -> int:
        return int(self.events[-1]["seq"]) if self.events else 0

    async def __aenter__(self) -> Watcher:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.drop()

    async def connect(self) -> None:
        """A fresh line; what the last one had not delivered is lost, as on a dropped network."""
        self._arrived = asyncio.Queue()
        self._line = socketio.AsyncClient(reconnection=False)
        for name in ("crawl_progress", "task_progress"):
            self._line.on(name, self._hearing(name, self._arrived))
        await self._line.connect(self.url, transports=["websocket"])

    def _hearing(self, name: str, arrived: asyncio.Queue[dict[str, Any]]) -> Any:
        async def hear(message: dict[str, Any]) -> None:
            self.names.add(name)
            arrived.put_nowait(message)

        return hear

    async def drop(self) -> None:
        if self._line is not None:
            await self._line.disconnect()
            self._line = None

    async def ask(self, event: str, payload: Any) -> Any:
        """Emit and give the ack."""
        assert self._line is not None
        return await self._line.call(event, payload, timeout=10)

    async def subscribe(self, last_seq: int | None = None) -> dict[str, Any]:
        """Subscribe, take the replay in, and give the ack."""
        payload = {"progressId": self.task_id} | ({} if last_seq is None else {"lastSeq": last_seq})
        ack: dict[str, Any] = await self.ask("subscribe_to_progress", payload)
        assert set(ack) == {"progressId", "found", "task", "lastSeq", "firstSeq", "events", "more", "startOver"}
        self.take(ack["events"])
        return ack

    def take(self, events: list[dict[str, Any]]) -> None:
        """Those of `events` that are new. They must follow on what was seen before."""
        for event in events:
            if event["seq"] > self.last_seq:
                assert not self.events or event["seq"] == self.last_seq + 1
                self.events.append(event)

    async def hear(self) -> dict[str, Any]:
        """The next message, taken in."""
        async with asyncio.timeout(MESSAGE_SECONDS):
            return self._take_message(await self._arrived.get())

    def _take_message(self, message: dict[str, Any]) -> dict[str, Any]:
        assert message["progressId"] == self.task_id
        assert message["prevSeq"] <= self.last_seq, "a gap"
        seqs = [event["seq"] for event in message["events"]]
        assert seqs == list(range(message["prevSeq"] + 1, message["seq"] + 1))
        self.messages.append(message)
        self.take(message["events"])
        return message

    def take_what_came(self) -> None:
        """Take in every message that has come already."""
        while not self._arrived.empty():
            self._take_message(self._arrived.get_nowait())

    async def hear_to(self, seq: int) -> None:
        """Until the event `seq` has been seen."""
        while self.last_seq < seq:
            await self.hear()

    async def hear_the_end(self) -> dict[str, Any]:
        """Until the task has ended; the last message."""
        while True:
            message = await self.hear()
            if message["taskStatus"] in FINAL:
                return message
