"""The frozen values: ids, times, states."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.model import FINAL_STATUSES, NewTask, Progress, TaskStatus, after, content_id, new_id, utc_now

PARTS = st.lists(st.text(alphabet=st.characters(exclude_characters="\x1f")), max_size=4)


@given(PARTS, PARTS)
def test_a_content_id_is_that_of_its_parts_alone(one: list[str], other: list[str]) -> None:
    joined = ["\x1f".join(parts) for parts in (one, other)]
    assert (content_id("ch", *one) == content_id("ch", *other)) == (joined[0] == joined[1])


def test_content_ids_never_change() -> None:
    # They are in every database: another hash would make every stored page a new one.
    assert content_id("pg", "src_1", "a.test/") == "pg_8bfdb29f2e7350ea8398b8b9"
    assert content_id("ch", "half \ud800") != content_id("ch", "half ?"), "lone surrogates are no error"


def test_new_ids_differ_and_tell_their_kind() -> None:
    ids = {new_id("tsk") for _ in range(1_000)}
    assert len(ids) == 1_000
    assert all(len(task_id) == 28 and task_id.startswith("tsk_") for task_id in ids)
    assert NewTask("demo", {}).task_id != NewTask("demo", {}).task_id


def test_times_are_aware_and_in_utc() -> None:
    assert utc_now().utcoffset() == timedelta(0)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    assert after(start, 90.5) == datetime(2026, 1, 1, 0, 1, 30, 500_000, UTC)
    assert after(start, None) is None


def test_a_task_ends_in_one_of_three_ways() -> None:
    assert {status for status in TaskStatus if status.is_final} == FINAL_STATUSES
    assert {str(status) for status in FINAL_STATUSES} == {"completed", "failed", "cancelled"}


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Progress().percentage = 1.0  # type: ignore[misc]
