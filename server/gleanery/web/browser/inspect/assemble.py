"""What was read of the frames of a page, as one: ids given out, boxes in pixels of the page. Pure; takes time for large pages."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gleanery.model import parses
from gleanery.web.browser.inspect.limits import InspectLimits
from gleanery.web.browser.inspect.place import Place, Raw, View, box_view, view_of

# Where the browser is when a page could not be loaded.
_NO_PAGE = "chrome-error:"
_NO_SUMMARY = "It could not be read."
# Nodes that stand for something even when they are empty.
_TELLING_TAGS = frozenset({"td", "th", "img", "iframe", "frame", "canvas", "svg", "video", "audio", "object", "embed"})


@dataclass(slots=True)
class FrameParts:
    """A frame of the page: `parts` as its world gave them, or the `reason` why there are none.

    `key` 0 is the page itself; `frame_id` is the browser's.
    """

    key: int
    frame_id: str
    url: str
    parts: list[str] = field(default_factory=list)
    reason: str | None = None


def assemble(frames: list[FrameParts], limits: InspectLimits, has_more_frames: bool) -> parses.Inspected:
    """The whole page. `frames` begin with the page itself; parents come before their children."""
    return _Assembly(frames, limits, has_more_frames).whole()


class _Read:
    """A frame whose items are there."""

    def __init__(self, frame: FrameParts, outer: _Read | None, owner: Raw | None) -> None:
        self.frame = frame
        self.id = ""
        self.items: dict[str, list[Raw]] = defaultdict(list)
        for part in frame.parts:
            for kind, item in json.loads(part):
                self.items[kind].append(item)
        self.summary = self.items["summary"][0]
        self.is_visible: bool = owner is None or outer is None or (owner["is_visible"] and outer.is_visible)
        self.order: tuple[int, ...] = (*outer.order, owner["at"]) if outer and owner else ()
        self.window = _window(outer, owner) if outer and owner else None
        self.place: Place = outer.place.within(owner["inner"], self.summary) if outer and owner else Place()
        self.selectors: tuple[str, ...] = (*outer.selectors, owner["selector"]) if outer and owner else ()
        self.landmark_ids: list[str] = []
        self.form_ids: list[str] = []
        self.element_ids: dict[int, str] = {}

    def id_of(self, ids: list[str], number: int | None) -> str | None:
        return ids[number] if number is not None and number < len(ids) else None


class _Assembly:
    def __init__(self, frames: list[FrameParts], limits: InspectLimits, has_more_frames: bool) -> None:
        self._limits = limits
        self._has_more_frames = has_more_frames
        self._owners: dict[int, tuple[_Read, Raw]] = {}
        self._held: dict[int, list[int]] = defaultdict(list)
        self._reads: list[_Read] = []
        self._frames: list[parses.Frame] = []
        for frame in self._in_order({frame.key: frame for frame in frames}):
            self._add(frame)
        self._top = self._reads[0]
        self._view = view_of(self._top.summary)

    def _in_order(self, frames: dict[int, FrameParts]) -> Iterator[FrameParts]:
        """The page, the frames in it as they follow one another, then those in these; at last the ones that nothing holds."""
        waiting = [0]
        for key in waiting:
            yield frames.pop(key)
            waiting += [held for held in self._held.get(key, ()) if held in frames]
        yield from frames.values()

    def _add(self, frame: FrameParts) -> None:
        outer, owner = self._owners.get(frame.key, (None, None))
        number = f"f{len(self._frames)}"
        reason = frame.reason
        if reason is None and (frame.parts and (outer is not None or frame.key == 0)):
            read = _Read(frame, outer, owner)
            read.id = number
            self._reads.append(read)
            for held in read.items["frame"]:
                if "key" in held:
                    self._owners[held["key"]] = (read, held)
                    self._held[frame.key].append(held["key"])
        elif reason is None:
            reason = _NO_SUMMARY
        place = outer.place if outer else Place()
        self._frames.append(
            parses.Frame(
                frame_id=number,
                parent_id=outer.id if outer else (None if frame.key == 0 else "f0"),
                url=owner.get("src", frame.url) if owner and frame.url.startswith(_NO_PAGE) else frame.url,
                name=owner["name"] if owner else "",
                title=owner.get("title", "") if owner else "",
                box=_box(place.on_page(owner["box"])) if owner else None,
                is_read=reason is None,
                reason=reason,
            )
        )

    def whole(self) -> parses.Inspected:
        landmarks = self._landmarks()
        forms = self._forms()
        elements = self._elements()
        summaries = [read.summary for read in self._reads]
        tables = [self._table(read, item) for read, item in self._ordered("table")]
        return parses.Inspected(
            head=parses.Head.model_validate(self._top.items["head"][0]),
            dom=parses.Dom(
                element_count=sum(summary["element_count"] for summary in summaries),
                depth=max(summary["depth"] for summary in summaries),
                shadow_root_count=sum(summary["shadow_root_count"] for summary in summaries),
                landmarks=landmarks,
                headings=self._headings(),
                frames=tuple(self._frames),
                tree=_Trees(self._reads).whole() if self._top.items["node"] else None,
                is_cut=any(summary["is_cut"] for summary in summaries),
            ),
            elements=elements,
            element_count=sum(summary["actor_count"] for summary in summaries),
            forms=tuple(self._form(read, number, item) for read, number, item in forms),
            tables=tuple(tables[: self._limits.tables]),
            viewport=parses.Size.model_validate(self._top.summary["viewport"]),
            page_size=parses.Size.model_validate(self._top.summary["page_size"]),
            notes=tuple(self._all_notes()),
        )

    def _ordered(self, kind: str) -> list[tuple[_Read, Raw]]:
        """The items of a kind in the order of the page: those of a frame follow the element that holds it."""
        found = [(read, item) for read in self._reads for item in read.items[kind]]
        if len(self._reads) > 1:
            found.sort(key=lambda pair: (*pair[0].order, pair[1]["at"]))
        return found

    def _landmarks(self) -> tuple[parses.Landmark, ...]:
        made: list[parses.Landmark] = []
        for read in self._reads:
            for item in read.items["landmark"][: self._limits.landmarks - len(made)]:
                read.landmark_ids.append(f"l{len(made) + 1}")
                placed = {**_placed(read, item), "landmark_id": read.landmark_ids[-1]}
                made.append(parses.Landmark.model_validate(placed))
        return tuple(made)

    def _headings(self) -> tuple[parses.Heading, ...]:
        return tuple(self._heading(read, item) for read, item in self._ordered("heading")[: self._limits.headings])

    def _heading(self, read: _Read, item: Raw) -> parses.Heading:
        landmark = read.id_of(read.landmark_ids, item.pop("landmark", None))
        return parses.Heading.model_validate({**_placed(read, item), "landmark_id": landmark})

    def _forms(self) -> list[tuple[_Read, int, Raw]]:
        found: list[tuple[_Read, int, Raw]] = []
        for read in self._reads:
            for number, item in enumerate(read.items["form"][: self._limits.forms - len(found)]):
                read.form_ids.append(f"form{len(found) + 1}")
                found.append((read, number, item))
        return found

    def _form(self, read: _Read, number: int, item: Raw) -> parses.Form:
        ids = {
            "form_id": read.form_ids[number],
            "field_ids": _known(read, item.pop("fields", ())),
            "submit_ids": _known(read, item.pop("submits", ())),
        }
        return parses.Form.model_validate({**_placed(read, item), **ids})

    def _table(self, read: _Read, item: Raw) -> parses.Table:
        return parses.Table.model_validate(_placed(read, item))

    def _elements(self) -> tuple[parses.InteractiveElement, ...]:
        numbers = {id(item): i for read in self._reads for i, item in enumerate(read.items["element"])}
        made: list[parses.InteractiveElement] = []
        for read, item in self._ordered("element")[: self._limits.elements]:
            element_id = f"e{len(made) + 1}"
            read.element_ids[numbers[id(item)]] = element_id
            made.append(self._element(read, item, element_id))
        return tuple(made)

    def _element(self, read: _Read, item: Raw, element_id: str) -> parses.InteractiveElement:
        placed = _placed(read, item)
        if read.selectors:
            placed["is_visible"] = placed["is_visible"] and read.is_visible
            placed["is_in_viewport"] = placed["is_in_viewport"] and self._view.shows(placed["box"])
        placed["shown_box"] = _shown_box(read, placed["box"], item.get("shown_box"))
        placed["element_id"] = element_id
        placed["landmark_id"] = read.id_of(read.landmark_ids, placed.pop("landmark", None))
        placed["form_id"] = read.id_of(read.form_ids, placed.pop("form", None))
        placed["locator"] = {**placed["locator"], "frames": read.selectors}
        return parses.InteractiveElement.model_validate(placed)

    def _all_notes(self) -> Iterator[str]:
        for read in self._reads:
            prefix = f"Frame {read.id}: " if read.selectors else ""
            yield from (prefix + note for note in read.summary.get("notes", ()))
        unread = sum(not frame.is_read for frame in self._frames)
        if self._has_more_frames:
            yield f"The page has more than {self._limits.frames} frames; the rest is left out."
        if unread:
            yield f"{unread} of {len(self._frames)} frames could not be read, or are not shown."


def _placed(read: _Read, item: Raw) -> Raw:
    placed = {**item, "frame_id": read.id, "box": read.place.on_page(item.get("box"))}
    del placed["at"]
    return placed


def _window(outer: _Read, owner: Raw) -> View:
    """What of the page a frame shows, itself in one that may show a part of it."""
    inner = outer.place.on_page(owner["inner"])
    assert inner is not None
    return box_view(inner if outer.window is None else outer.window.cut(inner))


def _shown_box(read: _Read, box: Raw | None, part: Raw | None) -> Raw | None:
    seen = box if part is None else read.place.on_page(part)
    if seen is None or box is None:
        return None
    shown = seen if read.window is None else read.window.cut(seen)
    is_whole = shown["width"] >= box["width"] - 1 and shown["height"] >= box["height"] - 1
    return None if is_whole else shown


def _known(read: _Read, numbers: Iterable[int]) -> list[str]:
    return [read.element_ids[number] for number in numbers if number in read.element_ids]


def _box(raw: Raw | None) -> parses.Box | None:
    return parses.Box.model_validate(raw) if raw is not None else None


class _Trees:
    """Builds the tree of the page out of those of its frames."""

    def __init__(self, reads: list[_Read]) -> None:
        self._held: dict[tuple[int, int], list[_Read]] = defaultdict(list)
        self._top = reads[0]
        outer_of = {held.get("key"): (read, held) for read in reads for held in read.items["frame"]}
        for read in reads[1:]:
            outer, held = outer_of[read.frame.key]
            if "node" in held:
                self._held[outer.frame.key, held["node"]].append(read)

    def whole(self) -> parses.Node | None:
        roots = self._nodes(self._top, 0)
        if len(roots) == 1:
            return roots[0]
        return parses.Node(tag="#document", children=tuple(roots)) if roots else None

    def _nodes(self, read: _Read, depth: int) -> list[parses.Node]:
        """Children are made before their parents, for nodes are frozen; they come after them in the list."""
        items = read.items["node"]
        children: dict[int | None, list[parses.Node]] = defaultdict(list)
        for index in range(len(items) - 1, -1, -1):
            item = items[index]
            inner = [*reversed(children.pop(index, [])), *self._documents(read, index, depth)]
            if inner or _says_something(item):
                children[item.get("parent")].append(_node(read, item, inner))
        return list(reversed(children[None]))

    def _documents(self, read: _Read, index: int, depth: int) -> Iterator[parses.Node]:
        for held in self._held.get((read.frame.key, index), ()):
            if depth < 2:
                yield parses.Node(tag="#document", children=tuple(self._nodes(held, depth + 1)))


def _says_something(item: Raw) -> bool:
    is_telling = any(item.get(name) for name in ("text", "role", "name", "attributes")) or "actor" in item
    return is_telling or item["tag"] in _TELLING_TAGS


def _node(read: _Read, item: Raw, children: list[parses.Node]) -> parses.Node:
    actor = item.pop("actor", None)
    item.pop("parent", None)
    element_id = read.element_ids.get(actor) if actor is not None else None
    return parses.Node.model_validate({**item, "element_id": element_id, "children": tuple(children)})
