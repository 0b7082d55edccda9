"""Tables as GFM rows: which ones hold data, their cells in a grid, and the lines."""

from __future__ import annotations

from collections.abc import Callable

from gleanery.knowledge.document import HEADING_TAGS, Element

_MAX_COLUMNS = 60
_MAX_CELL = 1_500
_NOT_IN_CELLS = HEADING_TAGS | {"pre", "table", "dl", "blockquote"}

Render = Callable[[Element], str]


def is_data_table(table: Element) -> bool:
    """Whether it is a table to a reader: two columns or more, and no cell that needs blocks of its own."""
    if table.get("role") in ("presentation", "none"):
        return False
    if any(e.tag in _NOT_IN_CELLS for e in table.walk() if e is not table):
        return False
    rows = table_rows(table)
    columns = max((len(cells(row)) for row in rows), default=0)
    if columns < 2:
        return False
    return not any(cell.size > _MAX_CELL for row in rows for cell in cells(row))


def table_rows(table: Element) -> list[Element]:
    rows: list[Element] = []
    for child in table.elements():
        if child.tag == "tr":
            rows.append(child)
        elif child.tag in ("thead", "tbody", "tfoot"):
            rows.extend(row for row in child.elements() if row.tag == "tr")
    return rows


def cells(row: Element) -> list[Element]:
    return [cell for cell in row.elements() if cell.tag in ("td", "th")]


def table_lines(table: Element, render: Render) -> str:
    """The GFM table. The first row is its head if it is all <th> or stands in <thead>; otherwise the head is empty."""
    rows = table_rows(table)
    grid = _grid(rows, render)
    if not any(any(row) for row in grid):
        return ""
    width = min(_MAX_COLUMNS, max(len(row) for row in grid))
    has_head = _is_head(rows[0])
    head = grid[0] if has_head else []
    lines = [_row(head, width), f"|{' --- |' * width}"]
    lines += [_row(row, width) for row in (grid[1:] if has_head else grid) if any(row)]
    return "\n".join(lines)


def _is_head(row: Element) -> bool:
    in_head = row.parent is not None and row.parent.tag == "thead"
    return in_head or all(cell.tag == "th" for cell in cells(row))


def _row(texts: list[str], width: int) -> str:
    padded = [*texts[:width], *[""] * (width - len(texts))]
    return f"| {' | '.join(padded)} |"


def _grid(rows: list[Element], render: Render) -> list[list[str]]:
    """Cell texts by row and column; what spans several places is written in the first and left empty in the others."""
    grid: list[list[str]] = []
    spanning: dict[int, int] = {}
    for row in rows:
        line: list[str] = []
        for cell in cells(row):
            _skip_spans(line, spanning)
            column = len(line)
            width = min(_span(cell, "colspan"), _MAX_COLUMNS)
            line += [render(cell).replace("|", "\\|"), *[""] * (width - 1)]
            height = _span(cell, "rowspan")
            if height > 1:
                spanning.update(dict.fromkeys(range(column, column + width), height - 1))
        _skip_spans(line, spanning)
        grid.append(line)
    return grid


def _skip_spans(line: list[str], spanning: dict[int, int]) -> None:
    while spanning.get(len(line), 0) > 0:
        spanning[len(line)] -= 1
        line.append("")


def _span(cell: Element, name: str) -> int:
    value = cell.get(name).strip()
    return max(1, int(value[:3])) if value.isdecimal() else 1
