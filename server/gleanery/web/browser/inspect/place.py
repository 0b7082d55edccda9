"""Where the document of a frame lies on the page, so that boxes in it are boxes of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A point (x, y) of the frame is (x * scale_x + left, y * scale_y + top) of the page."""

    left: float = 0.0
    top: float = 0.0
    scale_x: float = 1.0
    scale_y: float = 1.0

    def on_page(self, box: Raw | None) -> Raw | None:
        """`box` of the frame, in pixels of the page."""
        if box is None:
            return None
        return {
            "x": round(box["x"] * self.scale_x + self.left, 2),
            "y": round(box["y"] * self.scale_y + self.top, 2),
            "width": round(box["width"] * self.scale_x, 2),
            "height": round(box["height"] * self.scale_y, 2),
        }

    def within(self, inner: Raw, summary: Raw) -> Place:
        """The place of a frame whose document shows itself in the box `inner` of this one's."""
        shown = self.on_page(inner)
        assert shown is not None
        viewport, (scroll_x, scroll_y) = summary["viewport"], summary["scroll"]
        scale_x = shown["width"] / viewport["width"] if viewport["width"] else 1.0
        scale_y = shown["height"] / viewport["height"] if viewport["height"] else 1.0
        return Place(shown["x"] - scroll_x * scale_x, shown["y"] - scroll_y * scale_y, scale_x, scale_y)


@dataclass(frozen=True, slots=True)
class View:
    """A part of the page that is seen: what is in the viewport, or in a frame."""

    left: float
    top: float
    right: float
    bottom: float

    def shows(self, box: Raw | None) -> bool:
        if box is None:
            return False
        is_beside = box["x"] >= self.right or box["x"] + box["width"] <= self.left
        return not is_beside and box["y"] < self.bottom and box["y"] + box["height"] > self.top

    def cut(self, box: Raw) -> Raw:
        """The part of the box that is in it, of no size where there is none."""
        left, top = max(box["x"], self.left), max(box["y"], self.top)
        width = round(min(box["x"] + box["width"], self.right) - left, 2)
        height = round(min(box["y"] + box["height"], self.bottom) - top, 2)
        is_seen = width > 0 and height > 0
        return {"x": left, "y": top, "width": width if is_seen else 0, "height": height if is_seen else 0}


def box_view(box: Raw) -> View:
    """What is in a box of the page."""
    return View(box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])


def view_of(summary: Raw) -> View:
    """The viewport of the top frame."""
    (left, top), viewport = summary["scroll"], summary["viewport"]
    return View(left, top, left + viewport["width"], top + viewport["height"])
