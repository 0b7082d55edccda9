"""The log: JSON lines for machines, short lines for people, and whose voice is heard."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from gleanery import log


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Logging is the process's own: it is put back as the test found it."""
    root, ours = logging.getLogger(), logging.getLogger("gleanery")
    before = (root.handlers[:], root.level, ours.level)
    yield
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    ours.setLevel(before[2])


def logged(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_json_line_with_its_fields() -> None:
    stream = io.StringIO()
    log.set_up("info", stream)
    log.get("gleanery.x").info("task ended", extra={"task_id": "tsk_1", "title": "é\n2", "where": object})
    [line] = logged(stream)
    at = line.pop("at")
    assert isinstance(at, str)
    assert at.endswith("+00:00")
    assert line == {
        "level": "info",
        "logger": "gleanery.x",
        "message": "task ended",
        "task_id": "tsk_1",
        "title": "é\n2",
        "where": "<class 'object'>",
    }


def test_a_traceback_stays_on_its_line() -> None:
    stream = io.StringIO()
    log.set_up("info", stream)
    try:
        raise ValueError("why")
    except ValueError:
        log.get("gleanery.x").exception("handler failed")
    [line] = logged(stream)
    assert line["level"] == "error"
    assert str(line["traceback"]).endswith("ValueError: why")


def test_people_get_time_level_words_and_pairs() -> None:
    stream = Terminal()
    log.set_up("debug", stream)
    log.get("gleanery.x").debug("crawl began", extra={"task_id": "tsk_1"})
    time, rest = stream.getvalue().split(" ", 1)
    assert len(time) == 8
    assert rest == "debug   crawl began task_id=tsk_1\n"


@pytest.mark.parametrize(
    ("level", "heard"), [("debug", "diwe"), ("info", "iwe"), ("warning", "we"), ("error", "e")], ids=str
)
def test_ours_are_heard_from_the_level_on_and_libraries_from_warning(level: str, heard: str) -> None:
    stream = io.StringIO()
    log.set_up(level, stream)
    ours, library = log.get("gleanery.x"), log.get("some.library")
    for name, number in (("d", logging.DEBUG), ("i", logging.INFO), ("w", logging.WARNING), ("e", logging.ERROR)):
        ours.log(number, name)
    library.info("library, quiet")
    library.warning("library, loud")
    messages = [line["message"] for line in logged(stream)]
    assert messages == [*heard, "library, loud"]


def test_set_up_twice_tells_once() -> None:
    stream = io.StringIO()
    log.set_up("info", io.StringIO())
    log.set_up("info", stream)
    log.get("gleanery.x").info("once")
    assert len(logged(stream)) == 1
