"""Webhooks out: from the transaction of a state to a receiver that is well, slow, down, moved, gone or private."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from gleanery import errors
from gleanery.engine.events import ChangeFeed
from gleanery.engine.webhooks import (
    BACKOFF_SECONDS,
    HOLD_SECONDS,
    Secret,
    Verdict,
    WebhookSender,
    judge,
    load_secret,
    site_of,
)
from gleanery.model import Delivery, DeliveryState, Fence, NewEvent, NewTask, Task, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.sqlite_outbox import SqliteOutbox
from gleanery.web.guard import AddressPolicy
from gleanery.web.post import Poster, PostReply
from tests.clock import StandingClock
from tests.sites.receiver import Answer, Call, Receiver, receiver, silent_line

AGENT = "gleanery/test (+https://github.com/gleanery/gleanery)"
LOCAL = AddressPolicy.parse(("127.0.0.1/32",))
SETTLED_SECONDS = 60.0
PUBLISHED = "whsec_plJ3nmyCDGBKInavdOK15jsl"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Watched:
    """The outbox, and what was settled in it. While `is_dead` nothing is settled, as by a process that died in a call."""

    real: SqliteOutbox
    is_dead: bool = False
    settled: asyncio.Queue[tuple[str, DeliveryState]] = field(default_factory=asyncio.Queue)

    async def claim(self, limit: int, hold_seconds: float, *, passing_over: Any = ()) -> Any:
        return await self.real.claim(limit, hold_seconds, passing_over=passing_over)

    async def next_at(self, *, passing_over: Any = ()) -> datetime | None:
        return await self.real.next_at(passing_over=passing_over)

    async def settle(self, delivery: Delivery, state: DeliveryState, **how: Any) -> bool:
        try:
            if self.is_dead:
                raise errors.StorageError("gone")
            return await self.real.settle(delivery, state, **how)
        finally:
            self.settled.put_nowait((delivery.delivery_id, state))


@dataclass
class Stage:
    """A store, and senders over it that share one clock, which the machine's speed is nothing to."""

    store: EmbeddedStore
    feed: ChangeFeed
    clock: StandingClock
    stack: AsyncExitStack
    secret: Secret
    outbox: Watched

    async def sender(self, *, policy: AddressPolicy = LOCAL) -> WebhookSender:
        poster = await self.stack.enter_async_context(Poster(policy, AGENT))
        sender = WebhookSender(cast(Any, self.outbox), poster.post, self.secret, self.clock, rng=random.Random(7))
        self.feed.listen(sender.hear)
        await sender.start()
        self.stack.push_async_callback(sender.stop)
        return sender

    async def running(self, url: str | None, states: tuple[TaskStatus, ...] = (TaskStatus.COMPLETED,)) -> Task:
        new = NewTask("demo", {"n": 1}, title="Ride", webhook_url=url, webhook_states=states)
        await self.store.tasks.create(new)
        task = await self.store.tasks.claim(new.task_id, "w1", 30)
        assert task is not None
        return task

    async def completed(self, url: str | None, states: tuple[TaskStatus, ...] = (TaskStatus.COMPLETED,)) -> Task:
        task = await self.running(url, states)
        return await self.store.tasks.finish(
            Fence(task.task_id, task.attempt),
            TaskStatus.COMPLETED,
            [NewEvent("task_completed", "Done")],
            result={"answer": 42},
        )

    async def settled(self, count: int = 1) -> list[DeliveryState]:
        """How the next `count` attempts ended, in their order."""
        async with asyncio.timeout(SETTLED_SECONDS):
            return [(await self.outbox.settled.get())[1] for _ in range(count)]

    async def deliveries(self, task: Task | None = None) -> list[Delivery]:
        """Oldest first."""
        task_id = None if task is None else task.task_id
        return [*reversed(await self.store.outbox.list(state=None, task_id=task_id, after=None, limit=100))]

    async def wait_until_due(self, delivery: Delivery) -> float:
        """Set the clock to the next attempt; how long that is from now."""
        stored = await self.store.outbox.get(delivery.delivery_id)
        assert stored.next_at is not None
        seconds = (stored.next_at - self.clock()).total_seconds()
        self.clock.jump(seconds)
        return seconds


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    feed, clock = ChangeFeed(), StandingClock()
    async with EmbeddedStore(folder / "gleanery.db", feed.publish, clock) as store, AsyncExitStack() as stack:
        yield Stage(store, feed, clock, stack, load_secret(folder, PUBLISHED), Watched(store.outbox))


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(tmp_path) as it:
        yield it


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as it:
        yield it


def check_signature(call: Call, secret: str) -> None:
    """As a receiver does it, from the published description alone."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{call.id}.{call.headers['webhook-timestamp']}.{call.body.decode()}".encode()
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert call.headers["webhook-signature"] == f"v1,{expected}"


# What is written


async def test_a_call_is_kept_with_the_state_that_it_tells_of(stage: Stage) -> None:
    task = await stage.running("https://hooks.example.org/x")
    assert await stage.deliveries() == []
    done = await stage.store.tasks.finish(
        Fence(task.task_id, task.attempt), TaskStatus.COMPLETED, [NewEvent("task_completed", "Done")], result={"n": 1}
    )
    [row] = await stage.deliveries()
    assert (row.task_id, row.url, row.type) == (task.task_id, "https://hooks.example.org/x", "task.completed")
    assert (row.state, row.attempts, row.next_at, row.settled_at) == (DeliveryState.PENDING, 0, row.created_at, None)
    assert row.created_at == done.processing_completed_at
    body = json.loads(row.body)
    assert (body["type"], body["timestamp"]) == ("task.completed", row.created_at.isoformat())
    assert body["data"]["task_id"] == task.task_id
    assert (body["data"]["status"], body["data"]["result"], body["data"]["error"]) == ("completed", {"n": 1}, None)
    assert body["data"]["last_seq"] == done.last_seq


async def test_what_is_not_kept_of_the_task_is_not_told(stage: Stage) -> None:
    task = await stage.running("https://hooks.example.org/x")
    with pytest.raises(errors.LeaseLost):
        await stage.store.tasks.finish(Fence(task.task_id, task.attempt + 1), TaskStatus.COMPLETED, [])
    assert await stage.deliveries() == []


async def test_without_a_url_or_for_another_state_nothing_is_kept(stage: Stage) -> None:
    await stage.completed(None)
    await stage.completed("https://hooks.example.org/x", (TaskStatus.FAILED,))
    assert await stage.deliveries() == []


async def test_calls_of_one_task_keep_their_order_when_the_clock_is_set_back(stage: Stage) -> None:
    task = await stage.running("https://hooks.example.org/x", (TaskStatus.RUNNING, TaskStatus.COMPLETED))
    stage.clock.jump(-3600)
    await stage.store.tasks.finish(Fence(task.task_id, task.attempt), TaskStatus.COMPLETED, [])
    first, second = await stage.deliveries()
    assert (first.type, second.type) == ("task.running", "task.completed")
    assert first.created_at < second.created_at


# How it is sent


def test_the_published_signature() -> None:
    body = b'{"event_type":"ping","data":{"success":true}}'
    secret = load_secret(Path("unused"), PUBLISHED)
    signature = secret.signature("msg_loFOjxBNrRLzqYUf", 1731705121, body)
    assert signature == "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0="


async def test_a_call_is_signed_and_settled(stage: Stage, there: Receiver) -> None:
    await stage.sender()
    await stage.completed(f"{there.url}/hook?token=1")
    assert await stage.settled() == [DeliveryState.DELIVERED]
    [call] = there.calls
    [row] = await stage.deliveries()
    assert (call.method, call.path, call.body.decode()) == ("POST", "/hook?token=1", row.body)
    assert (call.id, call.headers["content-type"]) == (row.delivery_id, "application/json")
    assert abs(int(call.headers["webhook-timestamp"]) - stage.clock().timestamp()) < 60
    check_signature(call, PUBLISHED)
    assert (row.state, row.attempts, row.next_at) == (DeliveryState.DELIVERED, 1, None)
    assert (row.last_status_code, row.last_error, row.settled_at is None) == (204, None, False)


async def test_a_call_that_waited_for_the_start_is_sent(stage: Stage, there: Receiver) -> None:
    await stage.completed(there.url)
    await stage.sender()
    assert await stage.settled() == [DeliveryState.DELIVERED]


async def test_after_a_500_the_same_call_comes_again(stage: Stage, there: Receiver) -> None:
    sender = await stage.sender()
    there.answer(Answer(500), Answer(503))
    await stage.completed(there.url)
    waits = []
    for error in ("500 Internal Server Error", "503 Service Unavailable"):
        assert await stage.settled() == [DeliveryState.PENDING]
        [row] = await stage.deliveries()
        assert row.last_error == f"The receiver answered {error}."
        waits.append(await stage.wait_until_due(row))
        sender.wake()
    assert await stage.settled() == [DeliveryState.DELIVERED]
    assert 2 < waits[0] <= 7.5
    assert 14 < waits[1] <= 45
    first, second, third = there.calls
    assert first.id == second.id == third.id
    assert first.body == second.body == third.body
    for call in there.calls:
        check_signature(call, PUBLISHED)
    assert first.headers["webhook-signature"] != third.headers["webhook-signature"]


async def test_retry_after_is_obeyed(stage: Stage, there: Receiver) -> None:
    sender = await stage.sender()
    there.answer(Answer(429, {"Retry-After": "600"}))
    await stage.completed(there.url)
    assert await stage.settled() == [DeliveryState.PENDING]
    [row] = await stage.deliveries()
    assert row.last_status_code == 429
    assert 590 < await stage.wait_until_due(row) <= 600
    sender.wake()
    assert await stage.settled() == [DeliveryState.DELIVERED]


async def test_a_redirect_is_not_followed(stage: Stage, there: Receiver) -> None:
    await stage.sender()
    async with receiver() as target:
        there.answer(Answer(307, {"Location": f"{target.url}/other"}))
        await stage.completed(there.url)
        assert await stage.settled() == [DeliveryState.PENDING]
        assert target.calls == []
    [row] = await stage.deliveries()
    sentence = "The receiver answered 307 Temporary Redirect; redirects are not followed."
    assert (row.last_status_code, row.last_error) == (307, sentence)


async def test_a_receiver_that_is_down_and_comes_up(stage: Stage) -> None:
    sender = await stage.sender()
    async with silent_line() as line:
        await stage.completed(line.receiver.url)
        assert await stage.settled() == [DeliveryState.PENDING]
        [row] = await stage.deliveries()
        host = line.receiver.url.removeprefix("http://")
        assert row.last_status_code is None
        assert row.last_error == f"Nothing answers at {host}: the connection was refused."
        there = await line.go_up()
        await stage.wait_until_due(row)
        sender.wake()
        assert await stage.settled() == [DeliveryState.DELIVERED]
        assert [call.id for call in there.calls] == [row.delivery_id]
    [row] = await stage.deliveries()
    assert (row.attempts, row.last_error) == (2, None)


async def test_a_broken_line_is_tried_again(stage: Stage, there: Receiver) -> None:
    sender = await stage.sender()
    there.answer(Answer(is_cut=True))
    await stage.completed(there.url)
    assert await stage.settled() == [DeliveryState.PENDING]
    await stage.wait_until_due((await stage.deliveries())[0])
    sender.wake()
    assert await stage.settled() == [DeliveryState.DELIVERED]
    assert there.calls[0].id == there.calls[1].id


async def test_a_receiver_that_is_gone_is_not_called_again(stage: Stage, there: Receiver) -> None:
    await stage.sender()
    there.answer(Answer(410))
    await stage.completed(there.url)
    assert await stage.settled() == [DeliveryState.DEAD]
    [row] = await stage.deliveries()
    assert (row.state, row.attempts, row.next_at) == (DeliveryState.DEAD, 1, None)
    assert row.last_error == "The receiver answered 410 Gone: it wants no more calls."


async def test_a_private_address_is_refused_and_dead_at_once(stage: Stage, there: Receiver) -> None:
    await stage.sender(policy=AddressPolicy())
    await stage.completed(there.url)
    assert await stage.settled() == [DeliveryState.DEAD]
    [row] = await stage.deliveries()
    assert (row.state, row.last_status_code) == (DeliveryState.DEAD, None)
    assert row.last_error is not None
    assert row.last_error.startswith("127.0.0.1 is a private or reserved address")
    assert there.calls == []


async def test_after_the_last_attempt_it_is_dead_and_can_be_sent_again(stage: Stage, there: Receiver) -> None:
    sender = await stage.sender()
    there.answer(*[Answer(500)] * (len(BACKOFF_SECONDS) + 1))
    task = await stage.completed(there.url)
    for _ in BACKOFF_SECONDS:
        assert await stage.settled() == [DeliveryState.PENDING]
        await stage.wait_until_due((await stage.deliveries())[0])
        sender.wake()
    assert await stage.settled() == [DeliveryState.DEAD]
    dead = await stage.store.outbox.list(state=DeliveryState.DEAD, task_id=task.task_id, after=None, limit=5)
    assert [(row.attempts, row.last_status_code, row.next_at) for row in dead] == [(9, 500, None)]
    assert await stage.store.outbox.count_by_state() == {"dead": 1}
    again = await stage.store.outbox.retry(dead[0].delivery_id)
    assert (again.state, again.attempts) == (DeliveryState.PENDING, 0)
    sender.wake()
    assert await stage.settled() == [DeliveryState.DELIVERED]
    assert {call.id for call in there.calls} == {dead[0].delivery_id}
    with pytest.raises(errors.WrongState):
        await stage.store.outbox.retry(dead[0].delivery_id)


# Order and fairness


async def test_calls_of_one_task_wait_for_the_earlier_one(stage: Stage, there: Receiver) -> None:
    sender = await stage.sender()
    there.answer(Answer(500))
    task = await stage.completed(there.url, (TaskStatus.RUNNING, TaskStatus.COMPLETED))
    assert await stage.settled() == [DeliveryState.PENDING]
    other = await stage.completed(there.url)
    assert await stage.settled() == [DeliveryState.DELIVERED]
    first, second = await stage.deliveries(task)
    assert (first.attempts, second.attempts) == (1, 0)
    # The one that is held back is due, and must not keep the sender turning.
    assert await stage.outbox.next_at() == first.next_at
    await stage.wait_until_due(first)
    sender.wake()
    assert await stage.settled(2) == [DeliveryState.DELIVERED] * 2
    told = [(json.loads(call.body)["data"]["task_id"], json.loads(call.body)["type"]) for call in there.calls]
    assert told == [
        (task.task_id, "task.running"),
        (other.task_id, "task.completed"),
        (task.task_id, "task.running"),
        (task.task_id, "task.completed"),
    ]


async def test_a_dead_call_holds_up_no_later_one(stage: Stage, there: Receiver) -> None:
    await stage.sender()
    there.answer(Answer(410))
    await stage.completed(there.url, (TaskStatus.RUNNING, TaskStatus.COMPLETED))
    assert await stage.settled(2) == [DeliveryState.DEAD, DeliveryState.DELIVERED]
    assert [json.loads(call.body)["type"] for call in there.calls] == ["task.running", "task.completed"]


async def test_a_slow_receiver_holds_up_no_other_one(stage: Stage, there: Receiver) -> None:
    gate = asyncio.Event()
    async with receiver() as slow:
        slow.always(Answer(gate=gate))
        for _ in range(8):
            await stage.completed(slow.url)
        await stage.completed(there.url)
        await stage.sender()
        assert await stage.settled() == [DeliveryState.DELIVERED]
        assert len(there.calls) == 1
        await slow.heard(2)
        gate.set()
        assert await stage.settled(8) == [DeliveryState.DELIVERED] * 8
        assert (len(slow.calls), slow.most_at_once) == (8, 2)
        assert len({call.id for call in slow.calls}) == 8


async def test_no_more_calls_at_once_than_slots(stage: Stage) -> None:
    gate = asyncio.Event()
    async with AsyncExitStack() as stack:
        sites = [await stack.enter_async_context(receiver()) for _ in range(4)]
        for site in sites:
            site.always(Answer(gate=gate))
            await stage.completed(site.url)
            await stage.completed(site.url)
        sender = await stage.sender()
        await sites[0].heard(2)
        await sites[1].heard(2)
        await sites[2].heard(1)
        assert (sender.running, len(sites[3].calls)) == (5, 0)
        gate.set()
        assert await stage.settled(8) == [DeliveryState.DELIVERED] * 8
        assert [len(site.calls) for site in sites] == [2, 2, 2, 2]


async def test_a_claim_is_held(stage: Stage) -> None:
    for _ in range(3):
        await stage.completed("https://a.example.org/x")
    await stage.completed("https://b.example.org/x")
    outbox = stage.store.outbox
    claimed = await outbox.claim(2, 60)
    assert [row.attempts for row in claimed] == [1, 1]
    [third] = await outbox.claim(10, 60, passing_over=["https://a.example.org/"])
    assert third.url == "https://b.example.org/x"
    assert len(await outbox.claim(10, 60)) == 1
    assert await outbox.claim(10, 60) == []
    next_at = await outbox.next_at()
    assert next_at is not None
    assert 59 < (next_at - stage.clock()).total_seconds() <= 60
    assert not await outbox.settle(replace(third, attempts=2), DeliveryState.DEAD, status_code=None, error=None)


# Crashes and stops


async def test_a_call_whose_process_died_is_sent_again_after_its_hold(stage: Stage, there: Receiver) -> None:
    lost = await stage.sender()
    stage.outbox.is_dead = True
    await stage.completed(there.url)
    await stage.settled()
    await lost.stop()
    stage.outbox.is_dead = False
    [row] = await stage.deliveries()
    assert (row.state, row.attempts) == (DeliveryState.PENDING, 1)
    heir = await stage.sender()
    assert HOLD_SECONDS - 5 < await stage.wait_until_due(row) <= HOLD_SECONDS
    heir.wake()
    assert await stage.settled() == [DeliveryState.DELIVERED]
    assert [call.id for call in there.calls] == [row.delivery_id] * 2


async def test_a_stop_lets_go_of_a_call_that_hangs(stage: Stage, there: Receiver) -> None:
    there.answer(Answer(gate=asyncio.Event()))
    sender = await stage.sender()
    await stage.completed(there.url)
    await there.heard(1)
    await sender.stop()
    assert sender.running == 0
    [row] = await stage.deliveries()
    assert (row.state, row.attempts) == (DeliveryState.PENDING, 1)
    assert row.last_error == "This server stopped before it had heard an answer."
    assert row.next_at is not None
    assert row.next_at <= stage.clock()
    await stage.sender()
    assert await stage.settled(2) == [DeliveryState.PENDING, DeliveryState.DELIVERED]
    assert [call.id for call in there.calls] == [row.delivery_id] * 2


async def test_a_defect_in_a_call_stops_nothing(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    asked = asyncio.Queue[str]()

    async def post(url: str, body: bytes, headers: Mapping[str, str]) -> PostReply:
        asked.put_nowait(url)
        if "broken" in url:
            raise RuntimeError("a defect")
        return PostReply(204, None)

    sender = WebhookSender(cast(Any, stage.outbox), post, stage.secret, stage.clock)
    await sender.start()
    stage.stack.push_async_callback(sender.stop)
    stage.feed.listen(sender.hear)
    await stage.completed("https://broken.example.org/?token=verysecret")
    async with asyncio.timeout(SETTLED_SECONDS):
        assert await asked.get() == "https://broken.example.org/?token=verysecret"
    await stage.completed("https://fine.example.org/?token=verysecret")
    assert await stage.settled() == [DeliveryState.DELIVERED]
    broken, fine = await stage.deliveries()
    assert (broken.state, fine.state) == (DeliveryState.PENDING, DeliveryState.DELIVERED)
    assert "webhook call broke" in caplog.text
    assert "verysecret" not in caplog.text


# The pure parts


@pytest.mark.parametrize(
    ("answer", "attempts", "state", "low", "high"),
    [
        (PostReply(200, None), 1, DeliveryState.DELIVERED, None, None),
        (PostReply(299, None), 9, DeliveryState.DELIVERED, None, None),
        (PostReply(304, None), 1, DeliveryState.PENDING, 2.5, 7.5),
        (PostReply(404, None), 2, DeliveryState.PENDING, 15, 45),
        (PostReply(500, None), 3, DeliveryState.PENDING, 60, 180),
        (PostReply(500, None), 8, DeliveryState.PENDING, 21_600, 64_800),
        (PostReply(500, 90.0), 1, DeliveryState.PENDING, 90, 90),
        (PostReply(500, 90.0), 9, DeliveryState.DEAD, None, None),
        (PostReply(700, None), 1, DeliveryState.PENDING, 2.5, 7.5),
        (PostReply(410, None), 1, DeliveryState.DEAD, None, None),
        (errors.ConnectFailed("https://x.test/", "No."), 1, DeliveryState.PENDING, 2.5, 7.5),
        (errors.HostNotFound("https://x.test/", "No."), 4, DeliveryState.PENDING, 300, 900),
        (errors.TlsFailed("https://x.test/", "No."), 9, DeliveryState.DEAD, None, None),
        (errors.AddressForbidden("https://x.test/", "No."), 1, DeliveryState.DEAD, None, None),
        (errors.InvalidUrl("is empty"), 1, DeliveryState.DEAD, None, None),
    ],
)
def test_verdicts(
    answer: PostReply | errors.GleaneryError, attempts: int, state: DeliveryState, low: float | None, high: float | None
) -> None:
    waits = set[float]()
    for seed in range(50):
        verdict = judge(answer, attempts, NOW, random.Random(seed))
        assert verdict.state is state
        assert verdict.status_code == (answer.status if isinstance(answer, PostReply) else None)
        assert (verdict.next_at is None) == (state is not DeliveryState.PENDING)
        if verdict.next_at is not None:
            waits.add((verdict.next_at - NOW).total_seconds())
    if low is not None and high is not None:
        assert low <= min(waits) <= max(waits) <= high


def test_a_wait_is_never_before_now() -> None:
    verdict = judge(PostReply(500, 0.0), 1, NOW, random.Random(1))
    assert verdict == Verdict(
        DeliveryState.PENDING, 500, "The receiver answered 500 Internal Server Error.", verdict.next_at
    )
    assert verdict.next_at is not None
    assert verdict.next_at > NOW + timedelta(seconds=2)


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://hooks.example.org/a?b#c", "https://hooks.example.org/"),
        ("http://127.0.0.1:8080/x", "http://127.0.0.1:8080/"),
        ("http://h?x=http://other/", "http://h?"),
        ("http://h", "http://h"),
        ("nonsense", "nonsense"),
    ],
)
def test_sites(url: str, site: str) -> None:
    assert site_of(url) == site


# The secret


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    made = load_secret(tmp_path / "data", None)
    file = tmp_path / "data" / "webhook.secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("whsec_")
    assert base64.b64decode(file.read_text().strip().removeprefix("whsec_")) == made.key
    assert len(made.key) == 32
    assert load_secret(tmp_path / "data", None) == made
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["webhook.secret"]
    assert repr(made) == "Secret()"


def test_a_set_secret_goes_before_the_file(tmp_path: Path) -> None:
    load_secret(tmp_path, None)
    assert load_secret(tmp_path, PUBLISHED).key == base64.b64decode(PUBLISHED.removeprefix("whsec_"))


@pytest.mark.parametrize(
    "text", ["", "plJ3nmyCDGBKInavdOK15jsl", "whsec_", "whsec_c2hvcnQ=", "whsec_not*base64*at*all*="]
)
def test_a_bad_secret_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(errors.InvalidInput) as caught:
        load_secret(tmp_path, text)
    assert caught.value.field == "GLEANERY_WEBHOOK_SECRET"
    assert caught.value.reason == "must be whsec_ and the base64 of a key of 16 bytes or more"
    assert "not*base64" not in caught.value.message


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "webhook.secret").write_text("")
    with pytest.raises(errors.InvalidInput) as caught:
        load_secret(tmp_path, None)
    assert caught.value.field == "GLEANERY_WEBHOOK_SECRET"
    assert "webhook.secret does not hold whsec_" in caught.value.reason
