"""What a grouping does in its own process: finds the groups of texts. It reads and writes nothing; both ways are JSON.

Answers come in pieces, as many rows and groups in one as a transaction takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gleanery.knowledge.grouping.definition import confidence_of
from gleanery.knowledge.grouping.grouper import Added, Group, Grouper
from gleanery.knowledge.grouping.index import TemplateIndex
from gleanery.knowledge.grouping.template import Template
from gleanery.knowledge.grouping.values import variables_of
from gleanery.model import new_id

ROWS_AT_ONCE = 10
"""Traces that arrive wait for no longer transaction than one of so many rows takes."""
Stand = Mapping[str, Any]
"""A `GroupStand` as JSON."""


def group(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Payload `{waiting: [[row, text]], stands, samples: [[row, text]]}`: traces to be grouped, groups that there are with what
    speaks for them → `{events, merged, unsettled}`, then pieces `{groups}` and `{rows: [[row, group]]}`."""
    waiting: Sequence[tuple[int, str]] = payload["waiting"]
    known = {stand["group_id"]: stand for stand in payload["stands"]}
    rows_of: dict[str, int] = {}
    for row, text in (*sorted(payload["samples"]), *waiting):
        rows_of.setdefault(text, row)
    samples = _samples(known, rows_of)
    grouper = Grouper((_known(stand, samples[group_id]) for group_id, stand in known.items()), lambda: new_id("grp"))
    added = grouper.add([text for _, text in waiting])
    return _answer(added, grouper, known, waiting, rows_of)


def settle(payload: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Payload `{stands, rows: [[row, group, text]]}`: traces of groups that were split or merged → pieces `{rows: [[row, group
    or null]]}`, those that belong elsewhere now."""
    index = TemplateIndex({stand["group_id"]: Template(tuple(stand["constants"])) for stand in payload["stands"]})
    found = ((row, group_id, index.find(text)) for row, group_id, text in payload["rows"])
    return _in_pieces("rows", [(row, into) for row, group_id, into in found if into != group_id])


def _samples(known: Mapping[str, Stand], rows_of: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    texts = {row: text for text, row in rows_of.items()}
    return {
        group_id: tuple(texts[row] for row in stand["sample_rows"] if row in texts) for group_id, stand in known.items()
    }


def _known(stand: Stand, samples: tuple[str, ...]) -> Group:
    template = Template(tuple(stand["constants"]))
    return Group(stand["group_id"], template, samples, stand["trace_count"], stand["checked_at"])


def _answer(
    added: Added,
    grouper: Grouper,
    known: Mapping[str, Stand],
    waiting: Sequence[tuple[int, str]],
    rows_of: Mapping[str, int],
) -> Iterator[dict[str, Any]]:
    touched = {*added.assigned, *added.reread, *(event.group_id for event in added.events)}
    changed = [
        group
        for group in grouper.groups.values()
        if group.group_id in touched or group.checked_at != known.get(group.group_id, {}).get("checked_at", 0)
    ]
    yield {
        "events": [
            {
                "group_id": event.group_id,
                "type": str(event.type),
                "constants": event.template.constants,
                "others": event.others,
            }
            for event in added.events
        ],
        "merged": {old: new for old, new in added.gone.items() if old in known},
        "unsettled": sorted(added.reread),
    }
    yield from _in_pieces("groups", [_told(group, rows_of) for group in changed])
    rows = [(row, group_id) for (row, _), group_id in zip(waiting, added.assigned, strict=True)]
    yield from _in_pieces("rows", rows)


def _in_pieces(name: str, found: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for start in range(0, len(found), ROWS_AT_ONCE):
        yield {name: found[start : start + ROWS_AT_ONCE]}


def _told(group: Group, rows_of: Mapping[str, int]) -> dict[str, Any]:
    variables = variables_of(group.template, group.samples)
    return {
        "group_id": group.group_id,
        "constants": group.template.constants,
        "variables": [{**vars(variable), "type": str(variable.type)} for variable in variables],
        "confidence": confidence_of(group.template.words, group.count),
        "sample_rows": [rows_of[text] for text in group.samples if text in rows_of],
        "checked_at": group.checked_at,
    }
