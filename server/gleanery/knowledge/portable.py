"""A source as one file that another gleanery opens without crawling it again, and that other programs can read too.

A zip: `manifest.json`; `pages.jsonl`, `chunks.jsonl`, `code.jsonl`, `queries.jsonl` (one JSON object a line; `page` of a
chunk is the line of its page, from 0; `start` and `end` count code points of its `markdown`); for each embedding model
`vectors-N.npy` (little-endian float16, one normalised row a text) and `vectors-N.texts` (its `text_hash`, one a line).
Both ways it goes a page at a time, however large the source is.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, NoReturn, TypeVar

import numpy as np

from gleanery.knowledge import portable_rows as rows
from gleanery.knowledge.portable_rows import Owner, RowError
from gleanery.model import Chunk, Page, PageBundle, StoredCode
from gleanery.store.archive import MANIFEST, Archive, ArchiveWriter, damaged, open_archive, whole_file
from gleanery.store.portable_store import SourceContent
from gleanery.store.saved_queries import MAX_EXPECTED, MAX_QUERIES, NewQuery, is_page_name

FORMAT, VERSION = "gleanery-source", 1
PAGES, CHUNKS, CODE, QUERIES = "pages.jsonl", "chunks.jsonl", "code.jsonl", "queries.jsonl"
MAX_LINE_BYTES = 64 * 1024 * 1024
MAX_PAGE_BYTES = 256 * 1024 * 1024
"""Of all lines of one page together: they are in memory at once."""
MAX_BYTES = 64 * 1024 * 1024 * 1024
MAX_PAGES = 1_000_000
MAX_CHUNKS = 20_000_000
MAX_MODELS, MAX_DIMENSIONS = 4, 16_000
BATCH = 256

Row = TypeVar("Row", Chunk, StoredCode)
Halves = np.ndarray[Any, np.dtype[np.float16]]


@dataclass(frozen=True)
class Model:
    """An embedding model in the file; `part` is the name of its parts without their endings."""

    name: str
    dimensions: int
    texts: int
    part: str


@dataclass(frozen=True)
class About:
    """What the manifest says of the source."""

    url: str
    url_key: str
    title: str
    description: str
    tags: tuple[str, ...]
    knowledge_type: str
    options: Mapping[str, Any]
    pages: int
    chunks: int
    code_examples: int
    queries: int
    models: tuple[Model, ...]


def _go_on() -> None:
    pass


def write_portable(
    content: SourceContent, target: Path, *, made_by: str, now: datetime, on_page: Callable[[], None] = _go_on
) -> About:
    """Write the file; in a thread. Equal content gives equal parts. `on_page` is called with each page of each part; what it
    raises ends it.

    There is nothing at `target` before all of it is on the disk. Raises WrongState when it is there already, StorageError.
    """
    numbers, source = content.pages(), content.source
    with whole_file(target) as file, ArchiveWriter(file) as archive:
        titles = _write_pages(archive, content, numbers, on_page)
        with archive.part(CHUNKS, is_packed=True, has_rows=True) as part:
            for line, number in enumerate(numbers):
                on_page()
                for chunk in content.chunks(number):
                    part.write_row(rows.chunk_row(line, titles[line], chunk))
        with archive.part(CODE, is_packed=True, has_rows=True) as part:
            for line, number in enumerate(numbers):
                on_page()
                for code in content.code(number):
                    part.write_row(rows.code_row(line, code))
        with archive.part(QUERIES, is_packed=True, has_rows=True) as part:
            for query, expected, filters in content.queries():
                part.write_row({"query": query, "expected": list(expected), "filters": dict(filters)})
        models = [_write_vectors(archive, content, index, *model) for index, model in enumerate(content.models())]
        said = {
            "url": source.url,
            "url_key": content.url_key,
            "title": source.title,
            "description": source.description,
            "tags": list(source.tags),
            "knowledge_type": source.knowledge_type,
            "options": dict(source.options),
        }
        made = {"format": FORMAT, "version": VERSION, "made_by": made_by, "made_at": now.isoformat()}
        manifest = archive.close({**made, "source": said, "models": models})
    return _about(manifest)


def _write_pages(
    archive: ArchiveWriter, content: SourceContent, numbers: Sequence[int], on_page: Callable[[], None]
) -> list[str]:
    titles = []
    with archive.part(PAGES, is_packed=True, has_rows=True) as part:
        for number in numbers:
            page, links = content.page(number)
            titles.append(page.title)
            part.write_row(rows.page_row(page, links))
            on_page()
    return titles


def _write_vectors(
    archive: ArchiveWriter, content: SourceContent, index: int, model: str, dimensions: int, texts: int
) -> dict[str, Any]:
    name, hashes = f"vectors-{index}", []
    with archive.part(f"{name}.npy", is_packed=False) as part:
        part.write(_npy_header(texts, dimensions))
        for text_hash, vector in content.vectors(model):
            hashes.append(text_hash)
            part.write(vector)
    with archive.part(f"{name}.texts", is_packed=True, has_rows=True) as part:
        part.rows = len(hashes)
        part.write(b"".join(text_hash.hex().encode() + b"\n" for text_hash in hashes))
    return {"model": model, "dimensions": dimensions, "texts": texts, "part": name}


def _npy_header(count: int, dimensions: int) -> bytes:
    """(NumPy's NEP 1, version 1.0.)"""
    header = io.BytesIO()
    fields = {"descr": "<f2", "fortran_order": False, "shape": (count, dimensions)}
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


class PortableFile:
    """A file that is read, a line at a time. Everything raises InvalidInput naming part and line where it is not sound."""

    def __init__(self, archive: Archive, about: About) -> None:
        self._archive = archive
        self.about = about

    def bundles(self, owner: Owner) -> Iterator[PageBundle]:
        """The pages with their chunks and code, under new ids, in the order of the file."""
        chunks: _Group[Chunk] = _Group(self._rows(CHUNKS), CHUNKS)
        code: _Group[StoredCode] = _Group(self._rows(CODE), CODE)
        keys: set[str] = set()
        for line, row in enumerate(self._rows(PAGES)):
            with _at(PAGES, line + 1):
                page, links = rows.read_page(row.value, owner)
                if page.url_key in keys:
                    raise RowError("url_key: is that of an earlier line")
            keys.add(page.url_key)
            yield PageBundle(page, chunks.of(line, page, rows.read_chunk), code.of(line, page, rows.read_code), links)
        chunks.end()
        code.end()

    def vectors(self, model: Model) -> Iterator[tuple[list[bytes], Halves]]:
        """Hashes of texts and their vectors, some at a time."""
        name, texts = f"{model.part}.npy", f"{model.part}.texts"
        matrix = _Matrix(self._archive.pieces(name), name, model)
        hashes = self._hashes(texts, model.texts)
        while batch := [each for _, each in zip(range(BATCH), hashes, strict=False)]:
            yield batch, matrix.take(len(batch))
        matrix.end()

    def queries(self) -> Iterator[NewQuery]:
        for row in self._rows(QUERIES):
            with _at(QUERIES, row.line):
                expected = rows.strings_of(row.value, "expected", MAX_EXPECTED, rows.MAX_URL)
                if not all(map(is_page_name, expected)):
                    raise RowError("expected: has something other than http(s) URLs and paths")
                text = rows.text_of(row.value, "query", 2_000, least=1)
                query = NewQuery(text, expected, rows.json_of(row.value, "filters", dict))
            yield query

    def check(self) -> None:
        """Read all of it once."""
        for _ in self.bundles(Owner("src_0", "tsk_0")):
            pass
        for _ in self.queries():
            pass
        for model in self.about.models:
            for _ in self.vectors(model):
                pass

    def _rows(self, name: str) -> Iterator[_Row]:
        count = 0
        for line, raw in self._archive.lines(name, MAX_LINE_BYTES):
            count = line
            yield _Row(line, len(raw), _object(name, line, raw))
        if count != self._archive.parts[name].rows:
            raise damaged(name, f"has {count} lines, and the manifest says {self._archive.parts[name].rows}")

    def _hashes(self, name: str, count: int) -> Iterator[bytes]:
        last, line = b"", 0
        for line, raw in self._archive.lines(name, 64):
            try:
                text_hash = bytes.fromhex(raw.decode("ascii"))
            except ValueError:
                text_hash = b""
            if len(text_hash) != 16 or text_hash <= last:
                raise damaged(name, f"line {line}: is not a hash of 16 bytes in hex, above the one before it")
            last = text_hash
            yield text_hash
        if line != count:
            raise damaged(name, f"has {line} lines, and the manifest says {count}")


@contextlib.contextmanager
def open_portable(path: Path) -> Iterator[PortableFile]:
    """The file at `path`, its manifest checked; nothing else of it is read yet. Raises InvalidInput; in a thread."""
    with open_archive(path, FORMAT, VERSION) as archive:
        about = _about(archive.manifest)
        wanted = {PAGES, CHUNKS, CODE, QUERIES, *(f"{m.part}.{end}" for m in about.models for end in ("npy", "texts"))}
        if odd := sorted(wanted ^ {*archive.parts}):
            raise damaged(odd[0][:200], "is missing" if odd[0] in wanted else "is no part of a source")
        if sum(part.bytes for part in archive.parts.values()) > MAX_BYTES:
            raise damaged("", f"unpacks to more than {MAX_BYTES} bytes")
        yield PortableFile(archive, about)


@dataclass(frozen=True)
class _Row:
    line: int
    size: int
    value: dict[str, Any]


class _Group(Generic[Row]):
    """The rows of a part in runs of the same page, next to the pages."""

    def __init__(self, lines: Iterator[_Row], name: str) -> None:
        self._lines = lines
        self._name = name
        self._next = next(lines, None)

    def of(
        self, line: int, page: Page, read: Callable[[Mapping[str, Any], int, Page, Counter[str]], Row]
    ) -> tuple[Row, ...]:
        """Those of the page in this line."""
        found, seen, size = list[Row](), Counter[str](), 0
        while self._next is not None:
            row = self._next
            with _at(self._name, row.line):
                of_line = rows.int_of(row.value, "page", 0, MAX_PAGES)
                if of_line > line:
                    break
                if of_line < line:
                    raise RowError("page: is before the page of the line above")
                size += row.size
                if size > MAX_PAGE_BYTES:
                    raise RowError(f"page: its lines have more than {MAX_PAGE_BYTES} bytes")
                found.append(read(row.value, len(found), page, seen))
            self._next = next(self._lines, None)
        return tuple(found)

    def end(self) -> None:
        if self._next is not None:
            raise damaged(self._name, f"line {self._next.line}: page: there is none of that number")


class _Matrix:
    """The rows of an .npy part, some at a time."""

    def __init__(self, pieces: Iterator[bytes], name: str, model: Model) -> None:
        self._pieces, self._name, self._dimensions = pieces, name, model.dimensions
        self._held = bytearray()
        self._row = 0
        wanted = _npy_header(model.texts, model.dimensions)
        if self._bytes(len(wanted)) != wanted:
            raise damaged(name, f"is not a matrix of {model.texts} × {model.dimensions} '<f2' (NPY 1.0)")

    def take(self, count: int) -> Halves:
        raw = self._bytes(count * self._dimensions * 2)
        if len(raw) < count * self._dimensions * 2:
            raise damaged(self._name, f"ends after {self._row + len(raw) // (2 * self._dimensions)} rows")
        halves = np.frombuffer(raw, np.dtype("<f2")).reshape(count, self._dimensions).astype(np.float16)
        norms = np.linalg.norm(halves.astype(np.float32), axis=1)
        # A vector that is longer would be ahead of all others whatever is asked for.
        wrong = ~((norms > 0.98) & (norms < 1.02))
        if wrong.any():
            at = int(np.argmax(wrong))
            raise damaged(self._name, f"row {self._row + at}: its length is {float(norms[at]):.3g}, not 1")
        self._row += count
        return halves

    def end(self) -> None:
        if self._bytes(1):
            raise damaged(self._name, "has more rows than texts")

    def _bytes(self, count: int) -> bytes:
        while len(self._held) < count and (piece := next(self._pieces, b"")):
            self._held += piece
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken


@contextlib.contextmanager
def _at(name: str, line: int) -> Iterator[None]:
    try:
        yield
    except RowError as error:
        raise damaged(name, f"line {line}: {error}") from None


def _object(name: str, line: int, raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise damaged(name, f"line {line}: is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise damaged(name, f"line {line}: is not a JSON object")
    return value


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _about(manifest: Mapping[str, Any]) -> About:
    """Raises InvalidInput."""
    source, parts = manifest.get("source"), manifest["parts"]
    if not isinstance(source, dict):
        raise damaged(MANIFEST, "source: is not an object")

    try:
        options = rows.json_of(source, "options", dict)
        if len(json.dumps(options)) > 256 * 1024:
            raise RowError("options: are too long")
        return About(
            url=rows.url_of(source, "url"),
            url_key=rows.text_of(source, "url_key", rows.MAX_URL, least=1),
            title=rows.text_of(source, "title", rows.MAX_TITLE),
            description=rows.text_of(source, "description", 100_000),
            tags=rows.strings_of(source, "tags", 50, 64),
            knowledge_type=rows.text_of(source, "knowledge_type", 64, least=1),
            options=options,
            pages=_lines(parts, PAGES, MAX_PAGES),
            chunks=_lines(parts, CHUNKS, MAX_CHUNKS),
            code_examples=_lines(parts, CODE, MAX_CHUNKS),
            queries=_lines(parts, QUERIES, MAX_QUERIES),
            models=_models(manifest.get("models")),
        )
    except RowError as error:
        raise damaged(MANIFEST, f"source.{error}") from None


def _lines(parts: Mapping[str, Any], name: str, most: int) -> int:
    try:
        return rows.int_of(parts.get(name, {"rows": 0}), "rows", 0, most)
    except RowError as error:
        raise damaged(MANIFEST, f"parts.{name}.{error}") from None


def _models(listed: object) -> tuple[Model, ...]:
    if not isinstance(listed, list) or len(listed) > MAX_MODELS:
        raise damaged(MANIFEST, f"models: is no list of at most {MAX_MODELS}")
    models = []
    for index, said in enumerate(listed):
        try:
            row = said if isinstance(said, dict) else {}
            if row.get("part") != f"vectors-{index}":
                raise RowError(f"part: is not vectors-{index}")
            name, texts = rows.text_of(row, "model", 300, least=1), rows.int_of(row, "texts", 0, MAX_CHUNKS)
            models.append(Model(name, rows.int_of(row, "dimensions", 1, MAX_DIMENSIONS), texts, row["part"]))
        except RowError as error:
            raise damaged(MANIFEST, f"models[{index}].{error}") from None
    if len({model.name for model in models}) < len(models):
        raise damaged(MANIFEST, "models: has the same model twice")
    return tuple(models)
