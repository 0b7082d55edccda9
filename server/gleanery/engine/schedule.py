"""When recurring tasks run: cron in a time zone, or every so many seconds; pure, and the same in every process.

A cron that names its hours means the wall clock: each time that it names comes exactly once, on the first of two equal
hours, and at the end of the gap when the clock jumps over it. One that takes every hour runs by real time: whenever the
wall clock shows a minute of it. (cron(8) of Debian does the same, but tells the two apart by a leading `*`.)
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from gleanery.errors import InvalidInput
from gleanery.model import MissedTicks, Schedule

GRACE_SECONDS = 60.0
"""A tick that is no later than that was not missed."""
CATCH_UP_TICKS = 100
"""Most missed ticks that are made up for."""
LEAST_INTERVAL_SECONDS = 10.0
LEAST_EVERY_SECONDS = 60.0
MOST_SECONDS = 10 * 366 * 86400.0
MOST_JITTER_SECONDS = 3600.0

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Due:
    """What the ticks that have come ask for: those to run (oldest first), how many are passed over, and the next to come."""

    to_run: tuple[datetime, ...]
    skipped: int
    next_at: datetime | None


def check(cron: str | None, interval_seconds: float | None, time_zone: str, jitter_seconds: float) -> None:
    """Raises InvalidInput naming the field: a schedule has one of `cron` and `interval_seconds`, and comes again."""
    zone = _zone(time_zone)
    if (cron is None) == (interval_seconds is None):
        raise InvalidInput("cron", "give either cron or interval_seconds")
    if not 0 <= jitter_seconds <= MOST_JITTER_SECONDS:
        raise InvalidInput("jitter_seconds", f"must be from 0 to {MOST_JITTER_SECONDS:.0f}")
    if interval_seconds is not None:
        _check_interval(interval_seconds, jitter_seconds)
    elif cron is not None and next(_cron_ticks(cron, zone, datetime(2026, 1, 1, tzinfo=UTC)), None) is None:
        raise InvalidInput("cron", "never comes")


def _check_interval(seconds: float, jitter_seconds: float) -> None:
    if not LEAST_INTERVAL_SECONDS <= seconds <= MOST_SECONDS:
        raise InvalidInput("interval_seconds", f"must be from {LEAST_INTERVAL_SECONDS:.0f} to {MOST_SECONDS:.0f}")
    if jitter_seconds >= seconds:
        raise InvalidInput("jitter_seconds", "must be less than interval_seconds")


def parse_every(text: str) -> float:
    """Seconds of `90m`, `24h`, `7d`, `2w` or a whole number of seconds. Raises InvalidInput naming `refresh_every`."""
    found = re.fullmatch(r"([0-9]{1,12})([smhdw]?)", text.strip())
    if found is None:
        raise InvalidInput("refresh_every", "must be like 90m, 24h, 7d, 2w, or a whole number of seconds")
    seconds = float(int(found[1]) * _UNITS[found[2]])
    if not LEAST_EVERY_SECONDS <= seconds <= MOST_SECONDS:
        raise InvalidInput("refresh_every", f"must be from {LEAST_EVERY_SECONDS:.0f} to {MOST_SECONDS:.0f} seconds")
    return seconds


def ticks(schedule: Schedule, after: datetime) -> Iterator[datetime]:
    """The nominal ticks later than `after`, in UTC and in order. Raises InvalidInput for a cron or zone that can't be read."""
    if schedule.interval_seconds is not None:
        return _interval_ticks(schedule.created_at, timedelta(seconds=schedule.interval_seconds), after)
    if schedule.cron is None:
        raise InvalidInput("cron", "give either cron or interval_seconds")
    return _cron_ticks(schedule.cron, _zone(schedule.time_zone), after)


def next_tick(schedule: Schedule, after: datetime) -> datetime | None:
    """The first nominal tick later than `after`, in UTC; None when there is none. Raises InvalidInput as `ticks` does."""
    return next(ticks(schedule, after), None)


def ticks_due(schedule: Schedule, now: datetime, limit: int = CATCH_UP_TICKS) -> Due:
    """What becomes of the ticks from `schedule.next_at` to `now`, by its `missed_ticks`; `all` runs the newest `limit`.

    The newest tick is missed only when it is later than the grace; the others are, since another one came after them.
    Raises InvalidInput as `ticks` does.
    """
    first = schedule.next_at
    if first is None or first > now:
        return Due((), 0, first)
    count, newest = 1, deque([first], maxlen=limit)
    for tick in itertools.takewhile(lambda tick: tick <= now, ticks(schedule, first)):
        count += 1
        newest.append(tick)
    to_run = _to_run(schedule.missed_ticks, tuple(newest), now)
    return Due(to_run, count - len(to_run), next_tick(schedule, now))


def _to_run(policy: MissedTicks, newest: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    match policy:
        case MissedTicks.ALL:
            return newest
        case MissedTicks.ONCE:
            return newest[-1:]
        case MissedTicks.SKIP:
            return newest[-1:] if (now - newest[-1]).total_seconds() <= GRACE_SECONDS else ()


def run_at(schedule: Schedule, tick: datetime) -> datetime:
    """When the task of a tick becomes due: up to `jitter_seconds` later, by how much its name says alone."""
    digest = hashlib.sha256(tick_name(schedule.schedule_id, tick).encode()).digest()
    fraction = int.from_bytes(digest[:6], "big") / 2**48
    return tick + timedelta(seconds=schedule.jitter_seconds * fraction)


def tick_name(schedule_id: str, tick: datetime) -> str:
    """What a tick is called everywhere: the key under which its task is made at most once."""
    return f"schedule:{schedule_id}:{tick.astimezone(UTC).isoformat()}"


def _interval_ticks(anchor: datetime, interval: timedelta, after: datetime) -> Iterator[datetime]:
    # Whole microseconds: no error adds up, however many intervals have passed.
    for number in itertools.count(max(1, (after - anchor) // interval + 1)):
        yield anchor + number * interval


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise InvalidInput("time_zone", "must be a name of the IANA database, like Europe/Berlin") from None


def _cron_ticks(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    parsed = _walls(cron, _local(after, zone))
    if parsed.hours >= {*range(24)}:
        return _by_real_time(cron, zone, after)
    return _by_wall_clock(parsed, zone, after)


def _walls(cron: str, after: datetime) -> CronSim:
    """The wall times (naive) that a cron names after one."""
    if len(cron) > 200 or len(cron.split()) != 5:
        raise InvalidInput("cron", "must have five fields: minute, hour, day of month, month, day of week")
    try:
        return CronSim(cron, after)
    except CronSimError as error:
        raise InvalidInput("cron", str(error)) from None


def _by_wall_clock(walls: CronSim, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    last = after
    for wall in walls:
        tick = _instant(wall, zone)
        if tick > last:  # several that fall into one gap come as one, at its end
            yield tick
            last = tick


def _by_real_time(cron: str, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    start, offset = after.replace(microsecond=0), _offset(after, zone)
    while True:
        for wall in _walls(cron, (start + offset).replace(tzinfo=None)):
            tick = wall.replace(tzinfo=UTC) - offset
            change = _change(zone, offset, start, tick)
            if change is not None:
                start, offset = change - _SECOND, _offset(change, zone)
                break
            yield tick
            start = tick
        else:
            return


def _instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment of a wall time: the first of two, and the end of the gap for one that doesn't come."""
    first = wall.replace(tzinfo=zone).astimezone(UTC)
    if _local(first, zone) == wall:
        return first
    # In a gap the two readings lie on either side of the change (PEP 495).
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return _change(zone, _offset(before, zone), before, first) or first


def _change(zone: ZoneInfo, offset: timedelta, start: datetime, end: datetime) -> datetime | None:
    """The first second after `start`, up to `end`, at which the zone's offset isn't `offset`; None: it stays.

    Both are whole seconds; looks once a day, since no zone changes twice in one.
    """
    good = bad = start
    while good < end:
        bad = min(good + _DAY, end)
        if _offset(bad, zone) != offset:
            break
        good = bad
    else:
        return None
    while bad - good > _SECOND:
        middle = good + (bad - good) // _SECOND // 2 * _SECOND
        if _offset(middle, zone) != offset:
            bad = middle
        else:
            good = middle
    return bad


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None  # a ZoneInfo always has one
    return offset


def _local(at: datetime, zone: ZoneInfo) -> datetime:
    """What the wall clock shows, naive."""
    return at.astimezone(zone).replace(tzinfo=None)
