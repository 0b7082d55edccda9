"""Jupyter notebooks (nbformat 3 and 4): text and code in order, what the code printed below it, cut short."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gleanery.errors import ExtractFailed
from gleanery.knowledge.charset import decode
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats.markdown import page_of_markdown
from gleanery.knowledge.languages import folded

MAX_CELLS = 20_000
MAX_OUTPUT_CHARS = 2_000
MAX_OUTPUT_LINES = 40
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_MAGIC = re.compile(r"%%(bash|sh|html|javascript|js|latex|markdown|perl|ruby|sql|cython|writefile|R)\b")
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)")


def read_notebook(body: bytes, url: str, charset: str | None) -> ExtractedPage:
    """The page of a notebook. Raises EmptyPage and ExtractFailed."""
    try:
        notebook = json.loads(decode(body, charset))
    except (ValueError, RecursionError) as error:
        raise ExtractFailed(url, "The notebook is not valid JSON.", fact="json") from error
    if not isinstance(notebook, dict):
        raise ExtractFailed(url, "The notebook is not a JSON object.", fact="json")
    metadata = _mapping(notebook.get("metadata"))
    language = _language(metadata)
    cells = list(_cells(notebook))
    if len(cells) > MAX_CELLS:
        raise ExtractFailed(url, f"The notebook has more than {MAX_CELLS:,} cells.", fact="cells", limit=MAX_CELLS)
    blocks = [block for cell in cells for block in _blocks(cell, language)]
    title = metadata.get("title")
    return page_of_markdown("\n\n".join(blocks), url, title if isinstance(title, str) else "")


def _language(metadata: Mapping[str, Any]) -> str:
    """What the kernel speaks; Python where nothing says so, as in notebooks of version 3."""
    names = (
        _mapping(metadata.get("language_info")).get("name"),
        _mapping(metadata.get("kernelspec")).get("language"),
        _mapping(metadata.get("kernelspec")).get("name"),
    )
    name = next((name for name in names if isinstance(name, str) and name), "python")
    return folded(re.split(r"[\s\d]", name)[0]) or "python"


def _cells(notebook: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    sheets = notebook.get("worksheets")  # nbformat 3
    holders = [notebook, *sheets] if isinstance(sheets, list) else [notebook]
    for holder in holders:
        cells = _mapping(holder).get("cells")
        if isinstance(cells, list):
            yield from (cell for cell in cells if isinstance(cell, dict))


def _blocks(cell: Mapping[str, Any], language: str) -> Iterator[str]:
    source = _text(cell.get("source", cell.get("input")))
    match cell.get("cell_type"):
        case "markdown" | "raw":
            if source.strip():
                yield closed(source)
        case "heading":  # nbformat 3
            level = cell.get("level")
            yield f"{'#' * (level if isinstance(level, int) and 1 <= level <= 6 else 1)} {' '.join(source.split())}"
        case "code":
            if source.strip():
                magic = _MAGIC.match(source)
                own = folded(magic[1]) if magic and magic[1] != "writefile" else None
                yield _fence(source, own or language)
            outputs = cell.get("outputs")
            for output in outputs if isinstance(outputs, list) else ():
                printed = _cut(_printed(_mapping(output)))
                if printed.strip():
                    yield _fence(printed, "{output}")


def _printed(output: Mapping[str, Any]) -> str:
    """What an output says in plain text. A picture's stand-in (`<Figure size …>`) says nothing."""
    kind = output.get("output_type")
    if kind == "stream":
        return _text(output.get("text"))
    if kind in ("error", "pyerr"):
        return f"{_text(output.get('ename'))}: {_text(output.get('evalue'))}"
    data = _mapping(output.get("data")) or output
    if any(name.startswith(("image/", "png", "jpeg", "svg")) for name in data):
        return ""
    return _text(data.get("text/plain", data.get("text")))


def _cut(text: str) -> str:
    lines = _COLOUR.sub("", text[: 4 * MAX_OUTPUT_CHARS]).split("\n")
    short = "\n".join(lines[:MAX_OUTPUT_LINES])[:MAX_OUTPUT_CHARS]
    return short.rstrip() + ("\n…" if len(lines) > MAX_OUTPUT_LINES or len(text) > len(short) + 80 else "")


def _fence(text: str, info: str) -> str:
    text = text.strip("\n").rstrip()
    mark = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=2))
    return f"{mark}{info}\n{text}\n{mark}"


def closed(text: str) -> str:
    """Markdown whose last fence is closed, so that nothing that comes behind it is taken for code."""
    mark = ""
    for line in text.split("\n"):
        fence = _FENCE.fullmatch(line)
        if not fence:
            continue
        if not mark:
            mark = fence["mark"]
        elif not fence["info"].strip() and fence["mark"].startswith(mark):
            mark = ""
    return f"{text}\n{mark}" if mark else text


def _text(value: Any) -> str:
    """A multi-line string of nbformat: text, or a list of lines with their ends."""
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence):
        return "".join(line for line in value if isinstance(line, str))
    return ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
