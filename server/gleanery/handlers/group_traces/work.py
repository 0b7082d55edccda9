"""What a grouping does in its own process: reads the rows, finds the groups. It writes nothing; both ways are JSON."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gleanery.knowledge.grouping.definition import confidence_of
from gleanery.knowledge.grouping.grouper import Added, Group, Grouper
from gleanery.knowledge.grouping.index import TemplateIndex
from gleanery.knowledge.grouping.template import Template
from gleanery.knowledge.grouping.values import variables_of
from gleanery.model import new_id
from gleanery.model.traces import TraceGroup
from gleanery.store.sqlite_trace_rows import TraceReader
from gleanery.store.traces import Place


def group(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Payload `{file, project_id, path, limit, most_characters}`: the oldest traces that wait → `{rows: [[row, group]],
    groups, events, merged, unsettled}`."""
    place = Place(payload["project_id"], payload["path"])
    with TraceReader.open(Path(payload["file"])) as reader:
        waiting = reader.waiting(place, payload["limit"], payload["most_characters"])
        known = {group.group_id: group for group in reader.groups(place)}
        rows_of = _sample_texts(reader, known)
    texts = [text for _, text in waiting]
    for row, text in waiting:
        rows_of.setdefault(text, row)
    samples = _samples(known, rows_of)
    grouper = Grouper((_known(group, samples[group.group_id]) for group in known.values()), lambda: new_id("grp"))
    added = grouper.add(texts)
    return _answer(added, grouper, known, waiting, rows_of)


def settle(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Payload `{file, project_id, path, group_ids, after, limit}`: the next traces of groups that were split or merged →
    `{rows: [[row, group or null]], after}`; `after` is None where there are no more. It is the group's place in the list and
    the last row of it that was read."""
    place = Place(payload["project_id"], payload["path"])
    rows = list[tuple[int, str | None]]()
    at, after = payload["after"]
    left = payload["limit"]
    with TraceReader.open(Path(payload["file"])) as reader:
        index = TemplateIndex({group.group_id: Template(group.constants) for group in reader.groups(place)})
        for number in range(at, len(payload["group_ids"])):
            group_id = payload["group_ids"][number]
            members = reader.members(group_id, after, left)
            found = ((row, index.find(text)) for row, text in members)
            rows += [(row, into) for row, into in found if into != group_id]
            left -= len(members)
            if not left:
                return {"rows": rows, "after": (number, members[-1][0])}
            after = 0
    return {"rows": rows, "after": None}


def _sample_texts(reader: TraceReader, known: Mapping[str, TraceGroup]) -> dict[str, int]:
    rows = [row for group in known.values() for row in group.sample_rows]
    found: dict[str, int] = {}
    for row, text in sorted(reader.instructions(rows).items()):
        found.setdefault(text, row)
    return found


def _samples(known: Mapping[str, TraceGroup], rows_of: Mapping[str, int]) -> dict[str, tuple[str, ...]]:
    texts = {row: text for text, row in rows_of.items()}
    return {
        group_id: tuple(texts[row] for row in group.sample_rows if row in texts) for group_id, group in known.items()
    }


def _known(group: TraceGroup, samples: tuple[str, ...]) -> Group:
    return Group(group.group_id, Template(group.constants), samples, group.trace_count, group.checked_at)


def _answer(
    added: Added,
    grouper: Grouper,
    known: Mapping[str, TraceGroup],
    waiting: list[tuple[int, str]],
    rows_of: Mapping[str, int],
) -> dict[str, Any]:
    touched = {*added.assigned, *added.reread, *(event.group_id for event in added.events)}
    changed = [
        group
        for group in grouper.groups.values()
        if group.group_id in touched or group.checked_at != getattr(known.get(group.group_id), "checked_at", 0)
    ]
    return {
        "rows": [(row, group_id) for (row, _), group_id in zip(waiting, added.assigned, strict=True)],
        "groups": [_told(group, rows_of) for group in changed],
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
