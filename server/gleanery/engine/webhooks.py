"""Webhooks out: the outbox's rows as signed calls (https://www.standardwebhooks.com), sent until taken or given up.

A row is claimed for a time before it is sent. A process that dies meanwhile leaves it to whoever looks after that time:
every call is made at least once, under the same id in every attempt. Calls of one task go out in their order, but for
one that failed twice: the later ones no longer wait for it, and `data.last_seq` tells which is the newer.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import os
import random
import re
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Protocol

from gleanery import errors, log
from gleanery.model import Clock, Delivery, DeliveryState
from gleanery.store.base import OutboxStore
from gleanery.store.values import Change

_log = log.get(__name__)

BACKOFF_SECONDS = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 21_600.0, 43_200.0)
"""Waits after failed attempts, each give or take a half; after the last of them a call is dead."""
JITTER = 0.5
CALLS_PER_SITE = 2
HOLD_SECONDS = 60.0
"""Longer than any call takes: who claimed a row and hasn't settled it by then is gone."""
LOOK_SECONDS = 1.0
GRACE_SECONDS = 1.0
LAST_WRITES_SECONDS = 2.0

SETTING = "GLEANERY_WEBHOOK_SECRET"
SECRET_FILE = "webhook.secret"  # noqa: S105 - a file's name
_PREFIX = "whsec_"
_LEAST_KEY_BYTES = 16
_NEW_KEY_BYTES = 32


class Reply(Protocol):
    """An answer. `retry_after` is in seconds, None when the receiver named none."""

    @property
    def status(self) -> int: ...
    @property
    def retry_after(self) -> float | None: ...


class Post(Protocol):
    async def __call__(self, url: str, body: bytes, headers: Mapping[str, str]) -> Reply:
        """Send a POST and follow no redirect, in less than HOLD_SECONDS. Raises FetchError, or InvalidUrl."""
        ...


@dataclass(frozen=True)
class Secret:
    """The key that signs every call; receivers know it as `whsec_` and its base64."""

    key: bytes = field(repr=False)

    @property
    def text(self) -> str:
        return f"{_PREFIX}{base64.b64encode(self.key).decode()}"

    def signature(self, delivery_id: str, timestamp: int, body: bytes) -> str:
        """The value of `webhook-signature`. `timestamp` is in seconds of the epoch."""
        signed = hmac.digest(self.key, f"{delivery_id}.{timestamp}.".encode() + body, hashlib.sha256)
        return f"v1,{base64.b64encode(signed).decode()}"


@dataclass(frozen=True)
class Verdict:
    """How an attempt ended, as it is stored. `next_at` is set where the call is tried again."""

    state: DeliveryState
    status_code: int | None
    error: str | None
    next_at: datetime | None = None


class WebhookSender:
    """Sends what is due, up to `concurrency` calls at once and two to one receiver. `start` and `stop` it.

    `hear` is a listener of the change feed; once a second it looks by itself. `clock` is that of the store.
    """

    def __init__(
        self,
        outbox: OutboxStore,
        post: Post,
        secret: Secret,
        clock: Clock,
        *,
        concurrency: int = 5,
        rng: random.Random | None = None,
    ) -> None:
        self._outbox = outbox
        self._post = post
        self._secret = secret
        self._clock = clock
        self._concurrency = concurrency
        self._rng = rng or random.Random()
        self._calls: dict[asyncio.Task[None], Delivery] = {}
        self._bell = asyncio.Event()
        self._job: asyncio.Task[None] | None = None
        self._is_stopping = False

    @property
    def running(self) -> int:
        return len(self._calls)

    async def start(self) -> None:
        self._job = asyncio.create_task(self._send_forever(), name="webhooks")

    async def stop(self) -> None:
        """Claim no more, let calls end for a moment; the others are cut off, to be sent again by the next start."""
        self._is_stopping = True
        self._bell.set()
        if self._job is not None:
            # Not cancelled at once: a claim that is under way would hold its row for nobody.
            await asyncio.wait([self._job], timeout=LAST_WRITES_SECONDS)
            self._job.cancel()
            await asyncio.gather(self._job, return_exceptions=True)
        if self._calls:
            await asyncio.wait([*self._calls], timeout=GRACE_SECONDS)
        cut_off = dict(self._calls)
        for call in cut_off:
            call.cancel()
        await asyncio.gather(*cut_off, return_exceptions=True)
        for call, delivery in cut_off.items():
            if call.cancelled():
                error = "This server stopped before it had heard an answer."
                await self._settle(delivery, Verdict(DeliveryState.PENDING, None, error, self._clock()))

    def hear(self, changes: Sequence[Change]) -> None:
        """A task's state was told: its call may be due."""
        if any(change.task.webhook_url and change.task.status in change.task.webhook_states for change in changes):
            self.wake()

    def wake(self) -> None:
        """Look at the rows now."""
        self._bell.set()

    async def _send_forever(self) -> None:
        while not self._is_stopping:
            is_rung = self._bell.is_set()
            self._bell.clear()
            try:
                wait = 0.0 if is_rung else await self._seconds_to_next(self._busy_sites())
                if wait <= 0:
                    wait = await self._fill()
            except errors.StorageError as error:
                _log.error("webhooks not read", extra={"code": error.code, "reason": error.message})
                wait = LOOK_SECONDS
            if self._is_stopping:
                return
            try:
                async with asyncio.timeout(wait):
                    await self._bell.wait()
            except TimeoutError:
                continue

    async def _fill(self) -> float:
        """Give every free slot a call that is due; how long to wait for the next. A call that ends rings."""
        while len(self._calls) < self._concurrency and not self._is_stopping:
            busy = self._busy_sites()
            # One by one, since each may make its receiver one that has no room.
            claimed = await self._outbox.claim(1, HOLD_SECONDS, passing_over=busy)
            if not claimed:
                return await self._seconds_to_next(busy)
            for delivery in claimed:
                call = asyncio.create_task(self._send(delivery), name=delivery.delivery_id)
                self._calls[call] = delivery
                call.add_done_callback(self._ended)
        return LOOK_SECONDS

    def _busy_sites(self) -> Sequence[str]:
        calls = Counter(site_of(delivery.url) for delivery in self._calls.values())
        return [site for site, count in calls.items() if count >= CALLS_PER_SITE]

    async def _seconds_to_next(self, busy: Sequence[str]) -> float:
        at = await self._outbox.next_at(passing_over=busy)
        return LOOK_SECONDS if at is None else min(LOOK_SECONDS, max(0.0, (at - self._clock()).total_seconds()))

    def _ended(self, call: asyncio.Task[None]) -> None:
        del self._calls[call]
        self._bell.set()
        if not call.cancelled() and (defect := call.exception()) is not None:
            _log.error("webhook call broke", extra={"delivery_id": call.get_name()}, exc_info=defect)

    async def _send(self, delivery: Delivery) -> None:
        body, timestamp = delivery.body.encode(), int(self._clock().timestamp())
        headers = {
            "Content-Type": "application/json",
            "webhook-id": delivery.delivery_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": self._secret.signature(delivery.delivery_id, timestamp, body),
        }
        try:
            answer: Reply | errors.GleaneryError = await self._post(delivery.url, body, headers)
        except (errors.FetchError, errors.InvalidUrl) as error:
            answer = error
        await self._settle(delivery, judge(answer, delivery.attempts, self._clock(), self._rng))

    async def _settle(self, delivery: Delivery, verdict: Verdict) -> None:
        """Store the verdict; where that can't be, the row's hold runs out and the call is made again."""
        facts = {
            "delivery_id": delivery.delivery_id,
            "task_id": delivery.task_id,
            "type": delivery.type,
            "attempt": delivery.attempts,
            "state": str(verdict.state),
            "status": verdict.status_code,
        }
        try:
            is_ours = await self._outbox.settle(
                delivery,
                verdict.state,
                status_code=verdict.status_code,
                error=verdict.error,
                next_at=verdict.next_at,
            )
        except errors.StorageError as error:
            _log.error("webhook not settled", extra={**facts, "code": error.code})
            return
        if not is_ours:
            _log.warning("webhook settled too late", extra=facts)
        elif verdict.state is DeliveryState.DELIVERED:
            _log.info("webhook delivered", extra=facts)
        else:
            _log.warning("webhook not delivered", extra={**facts, "reason": verdict.error})


def judge(answer: Reply | errors.GleaneryError, attempts: int, now: datetime, rng: random.Random) -> Verdict:
    """What becomes of a call after its attempt number `attempts`, the first being 1."""
    if isinstance(answer, errors.GleaneryError):
        if isinstance(answer, errors.AddressForbidden | errors.InvalidUrl):
            return Verdict(DeliveryState.DEAD, None, answer.message)
        return _again(attempts, None, answer.message, None, now, rng)
    if 200 <= answer.status < 300:
        return Verdict(DeliveryState.DELIVERED, answer.status, None)
    sentence = f"The receiver answered {_phrase(answer.status)}"
    if answer.status == HTTPStatus.GONE:
        return Verdict(DeliveryState.DEAD, answer.status, f"{sentence}: it wants no more calls.")
    sentence += "; redirects are not followed." if 300 <= answer.status < 400 else "."
    return _again(attempts, answer.status, sentence, answer.retry_after, now, rng)


def _again(
    attempts: int, status_code: int | None, error: str, retry_after: float | None, now: datetime, rng: random.Random
) -> Verdict:
    if attempts > len(BACKOFF_SECONDS):
        return Verdict(DeliveryState.DEAD, status_code, error)
    wait = BACKOFF_SECONDS[attempts - 1] * rng.uniform(1 - JITTER, 1 + JITTER)
    return Verdict(DeliveryState.PENDING, status_code, error, now + timedelta(seconds=max(wait, retry_after or 0.0)))


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def site_of(url: str) -> str:
    """How the URLs of one receiver begin: scheme, host and port, with the slash that ends them."""
    found = re.match(r"[^:]*://[^/?#]*[/?#]?", url)
    return found[0] if found else url


def load_secret(data_dir: Path, setting: str | None) -> Secret:
    """The secret that is set, else the one of `webhook.secret` in the data folder, which is made if it isn't there.

    Raises InvalidInput naming GLEANERY_WEBHOOK_SECRET for one that isn't `whsec_` and base64.
    """
    if setting is not None:
        return _parse_secret(setting, "must be")
    path = data_dir / SECRET_FILE
    if not path.exists():
        _make_secret(path)
    return _parse_secret(path.read_text(encoding="ascii", errors="replace"), f"is not set, and {path} does not hold")


def _parse_secret(text: str, what: str) -> Secret:
    text = text.strip()
    reason = f"{what} {_PREFIX} and the base64 of a key of {_LEAST_KEY_BYTES} bytes or more"
    if not text.startswith(_PREFIX):
        raise errors.InvalidInput(SETTING, reason)
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raise errors.InvalidInput(SETTING, reason) from None
    if len(key) < _LEAST_KEY_BYTES:
        raise errors.InvalidInput(SETTING, reason)
    return Secret(key)


def _make_secret(path: Path) -> None:
    """Write a new secret that only its owner can read, whole or not at all; the first of two processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(f"{_PREFIX}{base64.b64encode(secrets.token_bytes(_NEW_KEY_BYTES)).decode()}\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
