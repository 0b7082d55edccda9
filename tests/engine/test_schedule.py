"""When ticks come: over the changes of the clock, in intervals, missed ones, and what is refused. Expectations are by hand."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from gleanery.engine.schedule import Due, check, next_tick, parse_every, run_at, tick_name, ticks, ticks_due
from gleanery.errors import InvalidInput
from gleanery.model import MissedTicks, Schedule

BERLIN, NEW_YORK, LORD_HOWE = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"
HOUR = timedelta(hours=1)


def schedule(
    cron: str | None = None,
    zone: str = "UTC",
    *,
    every: float | None = None,
    created_at: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    next_at: datetime | None = None,
    missed: MissedTicks = MissedTicks.ONCE,
    jitter: float = 0.0,
) -> Schedule:
    return Schedule(
        schedule_id="sch_1",
        name="demo",
        task_type="demo",
        payload={},
        cron=cron,
        interval_seconds=every,
        time_zone=zone,
        jitter_seconds=jitter,
        missed_ticks=missed,
        priority=50,
        queue_name="default",
        max_retries=None,
        webhook_url=None,
        source_id=None,
        is_paused=False,
        created_at=created_at,
        next_at=next_at,
    )


def utc(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+00:00")


def wall(cron: str, zone: str, start: str, count: int) -> list[str]:
    """The next `count` ticks after a UTC time, as the zone's clocks show them."""
    found = itertools.islice(ticks(schedule(cron, zone), utc(start)), count)
    return [tick.astimezone(ZoneInfo(zone)).isoformat(timespec="minutes") for tick in found]


def test_a_daily_job_in_the_hour_that_is_skipped_runs_once_when_the_gap_ends() -> None:
    assert wall("30 2 * * *", BERLIN, "2026-03-27T12:00", 4) == [
        "2026-03-28T02:30+01:00",
        "2026-03-29T03:00+02:00",
        "2026-03-30T02:30+02:00",
        "2026-03-31T02:30+02:00",
    ]


def test_a_daily_job_in_the_hour_that_comes_twice_runs_in_the_first_only() -> None:
    assert wall("30 2 * * *", BERLIN, "2026-10-23T12:00", 4) == [
        "2026-10-24T02:30+02:00",
        "2026-10-25T02:30+02:00",
        "2026-10-26T02:30+01:00",
        "2026-10-27T02:30+01:00",
    ]


def test_a_daily_job_is_not_run_again_when_it_is_asked_for_within_the_second_of_the_two_hours() -> None:
    # 01:10 UTC is 02:10 for the second time: 02:30 has been.
    assert wall("30 2 * * *", BERLIN, "2026-10-25T01:10", 1) == ["2026-10-26T02:30+01:00"]
    assert wall("30 2 * * *", BERLIN, "2026-10-25T00:10", 1) == ["2026-10-25T02:30+02:00"]


@pytest.mark.parametrize(
    ("zone", "hour", "minute"),
    [
        (BERLIN, 2, 30),
        (BERLIN, 2, 0),
        (BERLIN, 3, 0),
        (NEW_YORK, 2, 30),
        (NEW_YORK, 1, 30),
        (LORD_HOWE, 2, 15),
        (LORD_HOWE, 1, 45),
        ("Africa/Cairo", 0, 0),  # its gap begins at midnight
        ("America/Santiago", 0, 0),
        ("UTC", 2, 30),
    ],
)
def test_every_day_of_a_year_has_one_run_of_a_daily_job(zone: str, hour: int, minute: int) -> None:
    found = itertools.islice(ticks(schedule(f"{minute} {hour} * * *", zone), utc("2025-12-31T00:00")), 365)
    days = [tick.astimezone(ZoneInfo(zone)).date() for tick in found]
    assert days == [days[0] + timedelta(days=n) for n in range(365)]
    assert days[0] in (date(2025, 12, 31), date(2026, 1, 1))


def test_several_times_within_a_gap_come_as_one_at_its_end() -> None:
    assert wall("0,20,40 2,3 * * *", BERLIN, "2026-03-29T00:00", 4) == [
        "2026-03-29T03:00+02:00",
        "2026-03-29T03:20+02:00",
        "2026-03-29T03:40+02:00",
        "2026-03-30T02:00+02:00",
    ]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("cron", ["0 * * * *", "0 0-23 * * *", "0 */1 * * *"])
def test_an_hourly_job_runs_once_an_hour_of_real_time(zone: str, cron: str) -> None:
    for start in (utc("2026-03-07T00:00"), utc("2026-10-24T00:00")):
        found = list(itertools.islice(ticks(schedule(cron, zone), start), 24 * 10))
        assert found == [start + n * HOUR for n in range(1, 24 * 10 + 1)]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE, "Asia/Kathmandu"])
def test_a_quarterly_job_runs_four_times_an_hour_throughout(zone: str) -> None:
    for start in (utc("2026-03-01T00:00"), utc("2026-09-28T00:00")):
        found = list(itertools.islice(ticks(schedule("*/15 * * * *", zone), start), 96 * 40))
        assert found == [start + n * HOUR / 4 for n in range(1, 96 * 40 + 1)]


def test_the_half_hour_of_lord_howe() -> None:
    assert wall("*/15 * * * *", LORD_HOWE, "2026-04-04T14:40", 4) == [
        "2026-04-05T01:45+11:00",
        "2026-04-05T01:30+10:30",
        "2026-04-05T01:45+10:30",
        "2026-04-05T02:00+10:30",
    ]
    assert wall("15 2 * * *", LORD_HOWE, "2026-10-03T00:00", 2) == ["2026-10-04T02:30+11:00", "2026-10-05T02:15+11:00"]
    # Hours after a shift by half an hour still begin at :00.
    assert wall("*/30 5 * * *", LORD_HOWE, "2026-04-04T14:00", 3) == [
        "2026-04-05T05:00+10:30",
        "2026-04-05T05:30+10:30",
        "2026-04-06T05:00+10:30",
    ]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE, "Africa/Cairo"])
@pytest.mark.parametrize("cron", ["30 2 * * *", "*/20 1-3 * * *", "7,38 * * * *", "0 */2 * * *"])
@pytest.mark.parametrize("start", ["2026-03-07T20:00", "2026-03-28T20:00", "2026-04-04T08:00", "2026-10-24T20:00"])
def test_ticks_are_the_same_wherever_one_begins_to_count(cron: str, zone: str, start: str) -> None:
    made, first = schedule(cron, zone), utc(start)
    known = list(itertools.islice(ticks(made, first), 100))
    for minutes in range(0, 24 * 60, 7):
        after = first + timedelta(minutes=minutes, microseconds=minutes)
        assert next_tick(made, after) == next(tick for tick in known if tick > after)


def test_an_interval_is_counted_from_the_creation_and_knows_no_summer_time() -> None:
    made = schedule(every=3600.1, zone=BERLIN, created_at=utc("2026-03-28T23:30"))
    anchor, step = made.created_at, timedelta(seconds=3600.1)
    assert list(itertools.islice(ticks(made, anchor), 4)) == [anchor + n * step for n in (1, 2, 3, 4)]
    assert next_tick(made, anchor + 1_000_000 * step) == anchor + 1_000_001 * step
    assert next_tick(made, anchor + 1_000_000 * step - timedelta(microseconds=1)) == anchor + 1_000_000 * step
    assert next_tick(made, anchor - 50 * step) == anchor + step


NOON = utc("2026-06-01T12:00")


@pytest.mark.parametrize(
    ("missed", "late_seconds", "expected"),
    [
        # on time, or nearly
        (MissedTicks.ONCE, 0, Due((NOON,), 0, NOON + HOUR)),
        (MissedTicks.SKIP, 60, Due((NOON,), 0, NOON + HOUR)),
        (MissedTicks.ALL, 60, Due((NOON,), 0, NOON + HOUR)),
        # one that is late
        (MissedTicks.ONCE, 61, Due((NOON,), 0, NOON + HOUR)),
        (MissedTicks.SKIP, 61, Due((), 1, NOON + HOUR)),
        (MissedTicks.ALL, 61, Due((NOON,), 0, NOON + HOUR)),
        # three that are late
        (MissedTicks.ONCE, 8000, Due((NOON + 2 * HOUR,), 2, NOON + 3 * HOUR)),
        (MissedTicks.SKIP, 8000, Due((), 3, NOON + 3 * HOUR)),
        (MissedTicks.ALL, 8000, Due((NOON, NOON + HOUR, NOON + 2 * HOUR), 0, NOON + 3 * HOUR)),
        # two that are late, and one on time
        (MissedTicks.ONCE, 7210, Due((NOON + 2 * HOUR,), 2, NOON + 3 * HOUR)),
        (MissedTicks.SKIP, 7210, Due((NOON + 2 * HOUR,), 2, NOON + 3 * HOUR)),
    ],
)
def test_what_becomes_of_missed_ticks(missed: MissedTicks, late_seconds: float, expected: Due) -> None:
    now = NOON + timedelta(seconds=late_seconds)
    assert ticks_due(schedule("0 * * * *", next_at=NOON, missed=missed), now) == expected
    every_hour = schedule(every=3600, next_at=NOON, missed=missed, created_at=NOON - 5 * HOUR)
    assert ticks_due(every_hour, now) == expected


def test_all_runs_the_newest_hundred() -> None:
    made = schedule("* * * * *", next_at=NOON, missed=MissedTicks.ALL)
    due = ticks_due(made, NOON + timedelta(minutes=249, seconds=30))
    assert due.to_run == tuple(NOON + timedelta(minutes=n) for n in range(150, 250))
    assert (due.skipped, due.next_at) == (150, NOON + timedelta(minutes=250))


def test_nothing_is_due_before_its_time() -> None:
    assert ticks_due(schedule(every=60, next_at=NOON), NOON - timedelta(microseconds=1)) == Due((), 0, NOON)
    assert ticks_due(schedule(every=60), NOON) == Due((), 0, None)


def test_jitter_is_the_same_for_everyone_and_spreads() -> None:
    made = schedule(every=3600, jitter=600)
    late = [(run_at(made, NOON + n * HOUR) - (NOON + n * HOUR)).total_seconds() for n in range(200)]
    assert late == [(run_at(made, NOON + n * HOUR) - (NOON + n * HOUR)).total_seconds() for n in range(200)]
    assert min(late) >= 0
    assert max(late) < 600
    assert 250 < sum(late) / 200 < 350
    assert run_at(schedule(every=3600), NOON) == NOON


def test_a_tick_has_one_name_in_all_zones() -> None:
    assert tick_name("sch_1", NOON) == "schedule:sch_1:2026-06-01T12:00:00+00:00"
    assert tick_name("sch_1", NOON.astimezone(ZoneInfo(BERLIN))) == tick_name("sch_1", NOON)


@pytest.mark.parametrize(
    ("cron", "interval", "zone", "jitter"),
    [
        ("30 2 * * *", None, BERLIN, 0),
        ("*/5 8-18 * * MON-FRI", None, "UTC", 299),
        ("0 0 29 2 *", None, "UTC", 3600),
        ("0 0 L * *", None, "UTC", 0),
        (None, 10, "UTC", 9.9),
        (None, 86400.5, "UTC", 0),
    ],
)
def test_what_is_taken(cron: str | None, interval: float | None, zone: str, jitter: float) -> None:
    check(cron, interval, zone, jitter)


@pytest.mark.parametrize(
    ("cron", "interval", "zone", "jitter", "field"),
    [
        (None, None, "UTC", 0, "cron"),
        ("* * * * *", 60, "UTC", 0, "cron"),
        ("", None, "UTC", 0, "cron"),
        ("* * * *", None, "UTC", 0, "cron"),
        ("* * * * * *", None, "UTC", 0, "cron"),  # seconds
        ("60 * * * *", None, "UTC", 0, "cron"),
        ("@daily", None, "UTC", 0, "cron"),
        ("0 0 30 2 *", None, "UTC", 0, "cron"),
        ("0 0 */31 * 1#2", None, "UTC", 0, "cron"),  # the 1st is never a second Monday
        (f"0 {'1,' * 200}1 * * *", None, "UTC", 0, "cron"),
        (None, 9.9, "UTC", 0, "interval_seconds"),
        (None, float("nan"), "UTC", 0, "interval_seconds"),
        (None, 1e12, "UTC", 0, "interval_seconds"),
        (None, 60, "Mars/Base", 0, "time_zone"),
        (None, 60, "../UTC", 0, "time_zone"),
        (None, 60, "Europe", 0, "time_zone"),
        (None, 60, "", 0, "time_zone"),
        (None, 60, "\ud800", 0, "time_zone"),
        (None, 60, "UTC", 60, "jitter_seconds"),
        (None, 60, "UTC", -1, "jitter_seconds"),
        (None, 86400, "UTC", 3601, "jitter_seconds"),
        (None, 86400, "UTC", float("nan"), "jitter_seconds"),
    ],
)
def test_what_is_refused(cron: str | None, interval: float | None, zone: str, jitter: float, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check(cron, interval, zone, jitter)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90m", 5400), ("24h", 86400), ("7d", 604800), ("2w", 1209600), ("60", 60), ("3600", 3600), (" 61s ", 61)],
)
def test_how_often_a_source_is_crawled_again(text: str, seconds: float) -> None:
    assert parse_every(text) == seconds


@pytest.mark.parametrize("text", ["", "59", "0", "-5m", "1.5h", "5 m", "1y", "h", "٣h", "9999999w", "1h30m", "daily"])
def test_how_often_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_every(text)
    assert refused.value.field == "refresh_every"
