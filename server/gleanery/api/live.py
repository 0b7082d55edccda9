"""Live progress: Socket.IO rooms by progress id, and the same messages over a plain WebSocket.

A room hears every event of its task in order, many in one message, ten messages a second at most. A client joins the
room first and reads the log after, so nothing falls between; it knows a gap by `prevSeq` and asks again. Sockets carry
facts only: commands go by REST.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import socketio
from aiohttp import WSMsgType, web

from gleanery import errors, log
from gleanery.api import present
from gleanery.api.auth import Gate, key_in
from gleanery.api.http import int_of
from gleanery.api.live_shapes import ErrorAck, SubscribeAck, TasksMessage, UnsubscribeAck
from gleanery.api.wire import ErrorBody
from gleanery.engine.events import ChangeFeed
from gleanery.model import Clock, Event, Task, TaskStatus, utc_now
from gleanery.store.task_store import TaskStore
from gleanery.store.values import Change, TaskFilter

_log = log.get(__name__)

ROOM_INTERVAL_SECONDS = 0.1
LIST_INTERVAL_SECONDS = 0.5
HEAD_SECONDS = 5.0
REPLAY_LIMIT = 500
TAIL = 200
MESSAGE_EVENTS = 200
QUEUE_LIMIT = 100
"""Messages that may wait for one client, beside one for each of its rooms: one commit may give all of them something to say.
A slower one is cut off and resumes by its seq."""
ROOMS_PER_CLIENT = 500
SEND_SECONDS = 10.0
LIST_ROOM = "tasks"


@dataclass
class _Room:
    """What waits to be told of one task, and to whom."""

    name: str
    members: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    task: Task | None = None
    told_at: float = 0.0
    timer: asyncio.TimerHandle | None = None


class Live:
    """The Socket.IO server and the plain WebSocket. Feed it changes; `attach` it to the application."""

    def __init__(self, tasks: TaskStore, feed: ChangeFeed, gate: Gate, clock: Clock = utc_now) -> None:
        self._tasks = tasks
        self._clock = clock
        self._feed = feed
        self._gate = gate
        self._rooms: dict[str, _Room] = {}
        self._dirty: dict[str, Task] = {}
        self._list_members: set[str] = set()
        self._list_timer: asyncio.TimerHandle | None = None
        self._jobs: set[asyncio.Task[None]] = set()
        self._sockets: set[web.WebSocketResponse] = set()
        self._sio = socketio.AsyncServer(
            async_mode="aiohttp",
            ping_interval=10,
            ping_timeout=15,
            max_http_buffer_size=65536,
            logger=False,
            engineio_logger=False,
        )
        for name, handler in (
            ("connect", self._connect),
            ("disconnect", self._disconnect),
            ("subscribe_to_progress", self._subscribe),
            ("unsubscribe_from_progress", self._unsubscribe),
            ("subscribe_to_tasks", self._subscribe_list),
            ("unsubscribe_from_tasks", self._unsubscribe_list),
        ):
            self._sio.on(name, handler)

    def attach(self, app: web.Application) -> None:
        self._sio.attach(app)
        app.router.add_get("/ws/tasks/{task_id}/status", self._websocket)

    @property
    def clients(self) -> int:
        """Socket.IO connections that are open."""
        return len(self._sio.eio.sockets)

    def start(self) -> None:
        self._stop_listening = self._feed.listen(self._hear)
        self._spawn(self._tell_heads())

    async def stop(self) -> None:
        """Say good-bye and close every line: clients come back by themselves and resume."""
        self._stop_listening()
        for timer in [room.timer for room in self._rooms.values()] + [self._list_timer]:
            if timer is not None:
                timer.cancel()
        for job in self._jobs:
            job.cancel()
        for socket in tuple(self._sockets):
            await socket.close(code=1001, message=b"server shutdown")
        for line in list(self._sio.eio.sockets.values()):
            await line.queue.put(None)  # ends the writer, which closes the transport

    def _spawn(self, work: Any) -> None:
        job = asyncio.create_task(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    # Changes in, messages out

    def _hear(self, changes: Sequence[Change]) -> None:
        now = time.monotonic()
        for change in changes:
            room = self._rooms.get(change.task.task_id)
            if room is not None:
                room.events.extend(change.events)
                room.task = change.task
                if room.timer is None:
                    delay = max(0.0, room.told_at + ROOM_INTERVAL_SECONDS - now)
                    room.timer = asyncio.get_running_loop().call_later(delay, self._flush, room)
            if self._list_members:
                self._dirty[change.task.task_id] = change.task
        if self._dirty and self._list_timer is None:
            self._list_timer = asyncio.get_running_loop().call_later(LIST_INTERVAL_SECONDS, self._flush_list)

    def _flush(self, room: _Room) -> None:
        room.timer = None
        room.told_at = time.monotonic()
        events, room.events = room.events, []
        if room.task is not None:
            self._spawn(self._tell(room, room.task, events))

    async def _tell(self, room: _Room, task: Task, events: list[Event]) -> None:
        """Emit in slices; the calls of one room follow each other since emitting to a queue doesn't wait."""
        name = "crawl_progress" if task.task_type == "crawl" else "task_progress"
        for start in range(0, max(1, len(events)), MESSAGE_EVENTS):
            some = events[start : start + MESSAGE_EVENTS]
            prev = some[0].seq - 1 if some else task.last_seq
            await self._sio.emit(name, present.of_update(task, prev, some).sent(), room=room.name)
        await self._cut_off_slow(room.members)

    def _flush_list(self) -> None:
        self._list_timer = None
        tasks, self._dirty = list(self._dirty.values()), {}
        self._spawn(self._tell_list(tasks))

    async def _tell_list(self, tasks: list[Task]) -> None:
        now = self._clock()
        for start in range(0, len(tasks), MESSAGE_EVENTS):
            some = TasksMessage(items=[present.of_task(task, now) for task in tasks[start : start + MESSAGE_EVENTS]])
            await self._sio.emit("tasks_changed", some.sent(), room=LIST_ROOM)
        await self._cut_off_slow(self._list_members)

    async def _cut_off_slow(self, members: set[str]) -> None:
        for sid in tuple(members):
            line = self._sio.eio.sockets.get(self._sio.manager.eio_sid_from_sid(sid, "/"))
            waiting = 0 if line is None else line.queue.qsize()
            if waiting > QUEUE_LIMIT and waiting > QUEUE_LIMIT + self._rooms_of(sid):  # the rooms are rarely counted
                _log.warning("slow client cut off", extra={"sid": sid, "waiting": waiting})
                transport = self._sio.get_environ(sid)["aiohttp.request"].transport
                await self._sio.disconnect(sid)
                if transport is not None:
                    transport.abort()  # its writer waits for a reader that may never come

    async def _tell_heads(self) -> None:
        """A room that is quiet hears its head now and then, so that a lost last message is noticed."""
        while True:
            await asyncio.sleep(HEAD_SECONDS / 5)
            for room in tuple(self._rooms.values()):
                if room.timer is None and room.task is not None and time.monotonic() - room.told_at >= HEAD_SECONDS:
                    room.told_at = time.monotonic()
                    await self._tell(room, room.task, [])

    # Socket.IO

    async def _connect(self, _: str, environ: dict[str, Any], auth: Any = None) -> None:
        request: web.Request = environ["aiohttp.request"]
        key = auth.get("key") if isinstance(auth, dict) else None
        try:
            self._gate.check_place(request.headers)
            self._gate.check_key(key if isinstance(key, str) else key_in(request))
        except errors.GleaneryError as error:
            raise socketio.exceptions.ConnectionRefusedError(error.message, {"code": error.code}) from None

    async def _disconnect(self, sid: str, *_: Any) -> None:
        self._list_members.discard(sid)
        for room in [room for room in self._rooms.values() if sid in room.members]:
            self._leave(room, sid)

    async def _subscribe(self, sid: str, data: Any = None) -> dict[str, Any]:
        await self._cut_off_slow({sid})  # who asks and asks but never reads
        if not self._sio.manager.is_connected(sid, "/"):
            return {}
        try:
            task_id, last_seq = _subscription(data)
            if self._rooms_of(sid) >= ROOMS_PER_CLIENT:
                raise errors.InvalidInput(
                    "progressId", f"this client follows {ROOMS_PER_CLIENT} tasks already: leave some"
                )
            return (await self._join(sid, task_id, last_seq)).sent()
        except errors.GleaneryError as error:
            return _error_ack(error).sent()

    async def _join(self, sid: str, task_id: str, last_seq: int | None) -> SubscribeAck:
        room = self._rooms.setdefault(task_id, _Room(task_id))
        room.members.add(sid)
        try:
            await self._sio.enter_room(sid, task_id)
            reply = await self._replay(task_id, last_seq)
        except errors.NotFound:
            self._leave(room, sid)
            await self._sio.leave_room(sid, task_id)
            return SubscribeAck(progress_id=task_id, found=False)
        return reply

    async def _replay(self, task_id: str, last_seq: int | None) -> SubscribeAck:
        """The task as it stands and what a client at `last_seq` has not seen; without one, the last events."""
        task = await self._tasks.get(task_id)
        room = self._rooms.get(task_id)
        if room is not None and room.task is None:
            room.task = task
        # What is ahead is of another life; what is behind the oldest event that is kept can't be caught up with.
        is_ahead = last_seq is not None and last_seq > task.last_seq
        after = max(0, task.last_seq - TAIL) if last_seq is None else 0 if is_ahead else last_seq
        rows = await self._tasks.events(task_id, after=after, before=None, limit=REPLAY_LIMIT)
        events = [event for event in rows if event.seq <= task.last_seq]  # newer ones come through the room
        return SubscribeAck(
            progress_id=task_id,
            found=True,
            task=present.of_task(task, self._clock()),
            last_seq=task.last_seq,
            first_seq=events[0].seq if events else None,
            events=[present.of_event(event) for event in events],
            more=bool(events) and events[-1].seq < task.last_seq,
            start_over=is_ahead or after < task.first_seq - 1,
        )

    async def _unsubscribe(self, sid: str, data: Any = None) -> dict[str, Any]:
        try:
            task_id, _ = _subscription(data)
        except errors.GleaneryError as error:
            return _error_ack(error).sent()
        if (room := self._rooms.get(task_id)) is not None:
            self._leave(room, sid)
            await self._sio.leave_room(sid, task_id)
        return UnsubscribeAck(progress_id=task_id).sent()

    def _rooms_of(self, sid: str) -> int:
        return sum(sid in room.members for room in self._rooms.values())

    def _leave(self, room: _Room, sid: str) -> None:
        room.members.discard(sid)
        if not room.members:
            self._rooms.pop(room.name, None)
            if room.timer is not None:
                room.timer.cancel()

    async def _subscribe_list(self, sid: str, *_: Any) -> dict[str, Any]:
        self._list_members.add(sid)
        await self._sio.enter_room(sid, LIST_ROOM)
        unfinished = tuple(status for status in TaskStatus if not status.is_final)
        active = await self._tasks.list(TaskFilter(statuses=unfinished), after=None, limit=500)
        newest = await self._tasks.list(TaskFilter(), after=None, limit=50)
        now = self._clock()
        items = {task.task_id: present.of_task(task, now) for task in (*active, *newest)}
        return TasksMessage(items=list(items.values())).sent()

    async def _unsubscribe_list(self, sid: str, *_: Any) -> dict[str, Any]:
        self._list_members.discard(sid)
        await self._sio.leave_room(sid, LIST_ROOM)
        return {}

    # Plain WebSocket

    async def _websocket(self, request: web.Request) -> web.StreamResponse:
        """The same messages, from `lastSeq` of the query on, to one client."""
        task_id = request.match_info["task_id"]
        task = await self._tasks.get(task_id)
        last_seq = int_of(request, "lastSeq", 0)
        after = 0 if last_seq > task.last_seq else last_seq
        socket = web.WebSocketResponse(heartbeat=10.0, max_msg_size=65536)
        await socket.prepare(request)
        self._sockets.add(socket)
        bell = asyncio.Event()
        stop = self._feed.listen(
            lambda changes: bell.set() if any(c.task.task_id == task_id for c in changes) else None
        )
        pump = asyncio.create_task(self._pump(socket, task_id, after, bell))
        try:
            async for message in socket:
                if message.type in (WSMsgType.ERROR, WSMsgType.CLOSE):
                    break
        finally:
            stop()
            pump.cancel()
            self._sockets.discard(socket)
            await asyncio.gather(pump, return_exceptions=True)
        return socket

    async def _pump(self, socket: web.WebSocketResponse, task_id: str, after: int, bell: asyncio.Event) -> None:
        while not socket.closed:
            bell.clear()
            try:
                task = await self._tasks.get(task_id)
                after = max(after, task.first_seq - 1)  # what is no longer kept is a gap before `prevSeq`
                events = list(await self._tasks.events(task_id, after=after, before=None, limit=MESSAGE_EVENTS))
                async with asyncio.timeout(SEND_SECONDS):
                    await socket.send_json(present.of_update(task, after, events).sent())
            except (TimeoutError, ConnectionError):
                await socket.close(code=1013, message=b"too slow")
                return
            except errors.StorageError:
                await socket.close(code=1011, message=b"the store does not answer")
                return
            except errors.NotFound:
                await socket.close(message=b"the task was removed")
                return
            after = events[-1].seq if events else after
            if after >= task.last_seq:
                try:
                    async with asyncio.timeout(HEAD_SECONDS):
                        await bell.wait()
                    await asyncio.sleep(ROOM_INTERVAL_SECONDS)  # what comes close together goes as one message
                except TimeoutError:
                    continue


def _error_ack(error: errors.GleaneryError) -> ErrorAck:
    return ErrorAck(error=ErrorBody(code=error.code, message=error.message, details=dict(error.details)))


def _subscription(data: Any) -> tuple[str, int | None]:
    """Task id and last seq of a client's message. Raises InvalidInput."""
    if not isinstance(data, dict) or not isinstance(data.get("progressId"), str):
        raise errors.InvalidInput("progressId", "must be the id that a start gave")
    last_seq = data.get("lastSeq")
    if last_seq is not None and (not isinstance(last_seq, int) or isinstance(last_seq, bool) or last_seq < 0):
        raise errors.InvalidInput("lastSeq", "must be a whole number from 0")
    return data["progressId"], last_seq
