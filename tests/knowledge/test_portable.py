"""Portable files: what is written is what is read, and whatever else is read is refused by part and line."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gleanery.errors import InvalidInput, WrongState
from gleanery.knowledge.cut import Origin, cut_page
from gleanery.knowledge.formats.markdown import page_of_markdown
from gleanery.knowledge.portable import MAX_MODELS, open_portable, write_portable
from gleanery.knowledge.portable_rows import Owner
from gleanery.model import Chunk, Page, PageBundle, Source, StoredCode, text_hash

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Parts = dict[str, bytes]

PAGES = {
    "https://a.test/": "# Start\n\nWith 漢字 and 🍐 in it.\n\n```python\nx = '𝄞'\n```\n\n## Next\n\nMore of it.\n",
    "https://a.test/empty": "# Empty\n",
    "https://a.test/zwei": "# Zwei\n\n" + "Gleich.\n\n" * 3 + "```\nsame\n```\n\n```\nsame\n```\n",
}


def bundle_of(url: str, markdown: str, source_id: str = "src_old") -> PageBundle:
    """A page as a crawl stores it."""
    origin = Origin(
        source_id=source_id,
        task_id="tsk_old",
        url=url,
        url_key=url.removeprefix("https:"),
        status_code=200,
        content_type="text/html",
        etag='W/"ä1"',
        last_modified=None,
        size_bytes=1234,
        fetched_at=NOW,
    )
    return cut_page(origin, page_of_markdown(markdown, url), extract_code=True)


@dataclass
class Content:
    """A `SourceContent` of these pages."""

    bundles: Sequence[PageBundle]
    made: Sequence[tuple[str, int, Mapping[bytes, bytes]]] = ()
    saved: Sequence[tuple[str, Sequence[str], Mapping[str, Any]]] = (("pears?", ("/zwei",), {"language": "de"}),)
    url_key: str = "//a.test/"
    source: Source = field(
        default_factory=lambda: Source(
            "src_old", "https://a.test/", "Pears", ("fruit", "ü"), "documentation", {"max_depth": 3}, NOW, NOW, None,
            description="All of pears.",
        )
    )  # fmt: skip

    def pages(self) -> Sequence[int]:
        return range(len(self.bundles))

    def page(self, number: int) -> tuple[Page, bytes | None]:
        return self.bundles[number].page, self.bundles[number].links

    def chunks(self, number: int) -> Sequence[Chunk]:
        return self.bundles[number].chunks

    def code(self, number: int) -> Sequence[StoredCode]:
        return self.bundles[number].code_examples

    def models(self) -> Sequence[tuple[str, int, int]]:
        return [(name, dimensions, len(vectors)) for name, dimensions, vectors in self.made]

    def vectors(self, model: str) -> Iterator[tuple[bytes, bytes]]:
        vectors = next(vectors for name, _, vectors in self.made if name == model)
        yield from sorted(vectors.items())

    def queries(self) -> Sequence[tuple[str, Sequence[str], Mapping[str, Any]]]:
        return self.saved


def hash_of(page: Page, chunk: Chunk) -> bytes:
    return text_hash(page.title, chunk.heading_path, chunk.context, chunk.content)


def content(dimensions: int = 8) -> Content:
    """The pages, with a vector for every text of theirs."""
    bundles = [bundle_of(url, markdown) for url, markdown in PAGES.items()]
    hashes = sorted({hash_of(bundle.page, chunk) for bundle in bundles for chunk in bundle.chunks})
    raw = np.random.default_rng(1).normal(size=(len(hashes), dimensions))
    unit = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype("<f2")
    return Content(bundles, [("minilm", dimensions, {h: v.tobytes() for h, v in zip(hashes, unit, strict=True)})])


def write(target: Path, what: Content | None = None) -> Path:
    write_portable(what or content(), target, made_by="1.2.3", now=NOW)
    return target


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "a.zip")


def read_bundles(path: Path, source_id: str = "src_new") -> list[PageBundle]:
    with open_portable(path) as portable:
        portable.check()
        return list(portable.bundles(Owner(source_id, "tsk_new")))


def renamed(bundle: PageBundle) -> PageBundle:
    """The page as the same crawl would have stored it for the other source."""
    made = bundle_of(bundle.page.url, PAGES[bundle.page.url], "src_new")
    return replace(made, page=replace(made.page, task_id="tsk_new"))


def test_pages_come_back_as_the_other_source_would_have_stored_them(file: Path) -> None:
    assert read_bundles(file) == [renamed(bundle) for bundle in content().bundles]


def test_what_a_chat_model_added_comes_along(tmp_path: Path) -> None:
    made = content()
    first = made.bundles[0]
    chunks = (replace(first.chunks[0], context="The start of it."), *first.chunks[1:])
    code = (replace(first.code_examples[0], name="A clef", summary="Sets x."),)
    page = replace(first.page, version="3.1", language="de")
    made = replace(made, bundles=[replace(first, page=page, chunks=chunks, code_examples=code)], made=())
    (read,) = read_bundles(write(tmp_path / "a.zip", made))
    assert [chunk.context for chunk in read.chunks] == [chunk.context for chunk in chunks]
    assert [(c.name, c.summary, c.code) for c in read.code_examples] == [("A clef", "Sets x.", "x = '𝄞'")]
    assert (read.page.version, read.page.language) == ("3.1", "de")


def test_vectors_come_back_to_the_bit(file: Path) -> None:
    made = content().made[0][2]
    with open_portable(file) as portable:
        (model,) = portable.about.models
        found = {
            h: v.tobytes() for hashes, vectors in portable.vectors(model) for h, v in zip(hashes, vectors, strict=True)
        }
    assert found == made


def test_what_is_said_of_the_source_and_its_queries(file: Path) -> None:
    with open_portable(file) as portable:
        about = portable.about
        (query,) = portable.queries()
    assert (about.url, about.url_key, about.title, about.description) == (
        "https://a.test/", "//a.test/", "Pears", "All of pears.",
    )  # fmt: skip
    assert (about.tags, about.knowledge_type, about.options) == (("fruit", "ü"), "documentation", {"max_depth": 3})
    bundles = content().bundles
    assert (about.pages, about.queries) == (3, 1)
    assert about.chunks == sum(len(bundle.chunks) for bundle in bundles)
    assert about.code_examples == sum(len(bundle.code_examples) for bundle in bundles)
    assert (query.query, query.expected, query.filters) == ("pears?", ("/zwei",), {"language": "de"})


def test_the_same_content_gives_the_same_bytes(file: Path, tmp_path: Path) -> None:
    assert write(tmp_path / "b.zip").read_bytes() == file.read_bytes()


def test_a_source_without_pages_goes_too(tmp_path: Path) -> None:
    assert read_bundles(write(tmp_path / "a.zip", Content([], saved=()))) == []


def test_other_programs_read_it_without_gleanery(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        pages = [json.loads(line) for line in archive.read("pages.jsonl").decode().splitlines()]
        chunks = [json.loads(line) for line in archive.read("chunks.jsonl").decode().splitlines()]
        hashes = archive.read("vectors-0.texts").decode().split()
        with archive.open("vectors-0.npy") as matrix:
            vectors = np.load(matrix)
        manifest = json.loads(archive.read("manifest.json"))
    assert vectors.shape == (len(hashes), 8)
    assert manifest["models"] == [{"model": "minilm", "dimensions": 8, "texts": len(hashes), "part": "vectors-0"}]
    for chunk in chunks:
        assert pages[chunk["page"]]["markdown"][chunk["start"] : chunk["end"]] == chunk["content"]
        assert chunk["text_hash"] in hashes


def test_a_file_that_is_there_is_not_overwritten(file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(WrongState):
        write(file)
    assert file.read_bytes() == before


# Refusals


def change(file: Path, edit: Callable[[Parts, dict[str, Any]], None]) -> Path:
    """The file with other parts, its manifest made to fit them unless `edit` makes it otherwise."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(parts.pop("manifest.json"))
    edit(parts, manifest)
    for name, raw in parts.items():
        said = manifest["parts"].get(name)
        if said is not None and "kept" not in said:
            said.update(bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest())
            if "rows" in said:
                said["rows"] = raw.count(b"\n")
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in {**parts, "manifest.json": json.dumps(manifest).encode()}.items():
            archive.writestr(name, raw)
    return file


def line_edit(part: str, line: int, **fields: Any) -> Callable[[Parts, dict[str, Any]], None]:
    """Other fields in one line of a part."""

    def edit(parts: Parts, manifest: dict[str, Any]) -> None:
        lines = parts[part].splitlines()
        lines[line - 1] = json.dumps({**json.loads(lines[line - 1]), **fields}).encode()
        parts[part] = b"".join(each + b"\n" for each in lines)

    return edit


def raw_line(part: str, line: int, raw: bytes) -> Callable[[Parts, dict[str, Any]], None]:
    def edit(parts: Parts, manifest: dict[str, Any]) -> None:
        lines = parts[part].splitlines()
        lines[line - 1] = raw
        parts[part] = b"".join(each + b"\n" for each in lines)

    return edit


def matrix_edit(value: float, at: int = 1) -> Callable[[Parts, dict[str, Any]], None]:
    """Another number in one row of the vectors."""

    def edit(parts: Parts, manifest: dict[str, Any]) -> None:
        raw = parts["vectors-0.npy"]
        header = len(raw) - manifest["models"][0]["texts"] * 16
        vectors = np.frombuffer(raw[header:], "<f2").reshape(-1, 8).copy()
        vectors[at, 2] = value
        parts["vectors-0.npy"] = raw[:header] + vectors.tobytes()

    return edit


def source_edit(**fields: Any) -> Callable[[Parts, dict[str, Any]], None]:
    return lambda parts, manifest: manifest["source"].update(fields)


def model_edit(**fields: Any) -> Callable[[Parts, dict[str, Any]], None]:
    return lambda parts, manifest: manifest["models"][0].update(fields)


def put(part: str, raw: bytes) -> Callable[[Parts, dict[str, Any]], None]:
    return lambda parts, manifest: parts.update({part: raw})


def without(part: str) -> Callable[[Parts, dict[str, Any]], None]:
    def edit(parts: Parts, manifest: dict[str, Any]) -> None:
        del manifest["parts"][part], parts[part]

    return edit


P, C, X, Q, V, T = "pages.jsonl", "chunks.jsonl", "code.jsonl", "queries.jsonl", "vectors-0.npy", "vectors-0.texts"
DEEP = json.loads("[" * 40 + "]" * 40)

REFUSED: list[tuple[Callable[[Parts, dict[str, Any]], None], str]] = [
    (line_edit(P, 2, url="javascript:alert(1)"), "pages.jsonl: line 2: url: is neither an http(s) URL"),
    (line_edit(P, 2, url="https://a.test/\nx"), "pages.jsonl: line 2: url"),
    (line_edit(P, 2, url=None), "pages.jsonl: line 2: url: is no text"),
    (line_edit(P, 2, url_key="//a.test/"), "pages.jsonl: line 2: url_key: is that of an earlier line"),
    (line_edit(P, 1, title=["x"]), "pages.jsonl: line 1: title: is no text"),
    (line_edit(P, 1, title="x" * 10_001), "pages.jsonl: line 1: title: has 10001 characters"),
    (line_edit(P, 3, markdown="\ud800"), "pages.jsonl: line 3: markdown: is no text"),
    (line_edit(P, 1, etag='"x"\r\nHost: b'), "pages.jsonl: line 1: etag: has characters that no header has"),
    (line_edit(P, 1, status_code=True), "pages.jsonl: line 1: status_code"),
    (line_edit(P, 1, size_bytes=-1), "pages.jsonl: line 1: size_bytes"),
    (line_edit(P, 1, fetched_at="2026-01-02T03:04:05"), "pages.jsonl: line 1: fetched_at"),
    (line_edit(P, 1, fetched_at="9999-12-31T23:59:59-12:00"), "pages.jsonl: line 1: fetched_at"),
    (line_edit(P, 1, fetched_by="magic"), "pages.jsonl: line 1: fetched_by: is none of"),
    (line_edit(P, 1, outline=[[7, "x", None, 0]]), "pages.jsonl: line 1: outline"),
    (line_edit(P, 1, outline=[[1, "x", None, 10**9]]), "pages.jsonl: line 1: outline"),
    (line_edit(P, 1, links=["file:///etc/passwd"]), "pages.jsonl: line 1: links"),
    (raw_line(P, 1, b"{"), "pages.jsonl: line 1: is not JSON"),
    (raw_line(P, 1, b"[1]"), "pages.jsonl: line 1: is not a JSON object"),
    (raw_line(P, 1, b"[" * 200_000), "pages.jsonl: line 1: is not JSON"),
    (raw_line(P, 1, b"\xff\xfe{}"), "pages.jsonl: line 1: is not JSON"),
    (raw_line(P, 1, b'{"size_bytes": NaN}'), "pages.jsonl: line 1: is not JSON: NaN"),
    (raw_line(P, 1, b'{"size_bytes": ' + b"9" * 5000 + b"}"), "pages.jsonl: line 1: is not JSON"),
    (line_edit(C, 1, start=-1), "chunks.jsonl: line 1: start"),
    (line_edit(C, 1, end=10**6), "chunks.jsonl: line 1: end"),
    (line_edit(C, 1, start=1), "chunks.jsonl: line 1: content: is not what the page's markdown has"),
    (line_edit(C, 1, content=""), "chunks.jsonl: line 1: content"),
    (line_edit(C, 1, ordinal=1), "chunks.jsonl: line 1: ordinal: is not 0"),
    (line_edit(C, 1, heading_path=["x"] * 65), "chunks.jsonl: line 1: heading_path"),
    (line_edit(C, 1, heading_path=["other"]), "chunks.jsonl: line 1: text_hash"),
    (line_edit(C, 1, context="other"), "chunks.jsonl: line 1: text_hash"),
    (line_edit(C, 1, page=7), "chunks.jsonl: line 1: page: there is none of that number"),
    (line_edit(C, 2, page=0, ordinal=9), "chunks.jsonl: line 2: ordinal"),
    (line_edit(X, 1, code=None), "code.jsonl: line 1: code: is no text"),
    (line_edit(X, 1, is_guessed=1), "code.jsonl: line 1: is_guessed"),
    (line_edit(X, 3, page=0), "code.jsonl: line 3: page: is before the page of the line above"),
    (line_edit(Q, 1, query=""), "queries.jsonl: line 1: query"),
    (line_edit(Q, 1, expected="x"), "queries.jsonl: line 1: expected"),
    (line_edit(Q, 1, filters={"a": DEEP}), "queries.jsonl: line 1: filters: is not a dict of plain JSON"),
    (line_edit(Q, 1, filters={"a": 10**30}), "queries.jsonl: line 1: filters: is not a dict of plain JSON"),
    (matrix_edit(float("nan")), "vectors-0.npy: row 1: its length is nan, not 1"),
    (matrix_edit(float("inf")), "vectors-0.npy: row 1: its length is inf, not 1"),
    (matrix_edit(3.0), "vectors-0.npy: row 1: its length is 3"),
    (put(V, b"\x93NUMPY"), "vectors-0.npy: is not a matrix"),
    (lambda parts, m: parts.update({V: parts[V][:-16]}), "vectors-0.npy: ends after"),
    (lambda parts, m: parts.update({V: parts[V] + b"\0" * 16}), "vectors-0.npy: has more rows than texts"),
    (lambda parts, m: parts.update({T: parts[T][33:] + parts[T][:33]}), "vectors-0.texts: line"),
    (lambda parts, m: parts.update({T: parts[T][:-33]}), "vectors-0.texts: has"),
    (raw_line(T, 1, b"zz" * 16), "vectors-0.texts: line 1: is not a hash"),
    (model_edit(dimensions=4), "vectors-0.npy: is not a matrix"),
    (model_edit(dimensions=0), "manifest.json: models[0].dimensions"),
    (model_edit(model=""), "manifest.json: models[0].model"),
    (model_edit(part="../x"), "manifest.json: models[0].part"),
    (lambda parts, m: m.update(models=m["models"] * (MAX_MODELS + 1)), "manifest.json: models: is no list"),
    (lambda parts, m: m.update(models=None), "manifest.json: models: is no list"),
    (lambda parts, m: m.update(models=[]), "vectors-0.npy: is no part of a source"),
    (lambda parts, m: m.update(source=[]), "manifest.json: source: is not an object"),
    (source_edit(url="ftp://a.test/"), "manifest.json: source.url"),
    (source_edit(tags=["x" * 65]), "manifest.json: source.tags"),
    (source_edit(knowledge_type=""), "manifest.json: source.knowledge_type"),
    (source_edit(options={"x": "y" * 300_000}), "manifest.json: source.options: are too long"),
    (lambda parts, m: m["parts"].pop(P), "pages.jsonl: is in the manifest or in the file, not in both"),
    (without(X), "code.jsonl: is missing"),
    (lambda parts, m: m["parts"][P].update(kept=1, bytes=1), "pages.jsonl: has not the size"),
    (lambda parts, m: m["parts"][P].update(kept=1, sha256="0" * 64), "pages.jsonl: its SHA-256 is not"),
    (lambda parts, m: m["parts"][P].update(kept=1, rows=2), "pages.jsonl: has 3 lines, and the manifest says 2"),
    (lambda parts, m: m["parts"][P].update(kept=1, rows=10**9), "manifest.json: parts.pages.jsonl.rows"),
    (lambda parts, m: m["parts"][P].update(kept=1, rows="3"), "manifest.json: parts.pages.jsonl"),
]  # fmt: skip


@pytest.mark.parametrize(("edit", "reason"), REFUSED, ids=[reason for _, reason in REFUSED])
def test_what_is_not_sound_is_refused_by_part_and_line(
    file: Path, edit: Callable[[Parts, dict[str, Any]], None], reason: str
) -> None:
    change(file, edit)
    with pytest.raises(InvalidInput) as caught, open_portable(file) as portable:
        portable.check()
    assert caught.value.field == "file"
    assert caught.value.reason.startswith(reason), caught.value.reason


def test_fields_of_a_later_version_are_passed_over(file: Path) -> None:
    before = read_bundles(file)
    change(file, line_edit(P, 1, mood="good"))
    assert read_bundles(file) == before


def test_a_page_that_shrinks_to_nothing_is_still_read(tmp_path: Path) -> None:
    """What is made to burst is told by its size, not by how well it is packed."""
    made = Content([bundle_of("https://a.test/", "# Same\n\n" + "same " * 400_000)])
    assert read_bundles(write(tmp_path / "a.zip", made))[0].page.markdown.count("same") == 400_000


def test_a_bomb_is_refused_before_it_is_unpacked(file: Path) -> None:
    change(file, put(P, b"\n" * 100_000_000))
    with pytest.raises(InvalidInput, match="unpacks to more than 200 times its size"), open_portable(file):
        pass


@pytest.mark.parametrize("raw", [b"", b"PK", b"%PDF-1.4\n", b"PK\5\6" + b"\0" * 18, b"PK\5\6" + b"\xff" * 18])
def test_what_is_no_zip_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(raw)
    with pytest.raises(InvalidInput), open_portable(tmp_path / "x.zip"):
        pass


def test_a_backup_is_not_taken_for_a_source(file: Path) -> None:
    change(file, lambda parts, manifest: manifest.update(format="gleanery-backup"))
    with (
        pytest.raises(InvalidInput, match="its format is 'gleanery-backup', not 'gleanery-source'"),
        open_portable(file),
    ):
        pass


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_is_refused_or_changes_nothing(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "a.zip"
    if not path.exists():
        write(path)
    raw = path.read_bytes()
    at = data.draw(st.integers(0, len(raw) - 1))
    length = data.draw(st.integers(1, 8))
    broken = raw[:at] + data.draw(st.binary(min_size=0, max_size=8)) + raw[at + length :]
    (tmp_path / "b.zip").write_bytes(broken)
    try:
        found = read_bundles(tmp_path / "b.zip")
    except InvalidInput:
        return
    assert found == read_bundles(path)
