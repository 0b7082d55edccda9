"""XML from strangers as a stream of elements: forgiving where it is broken, bounded where it is hostile.

No DTD ever reaches the parser and no entity but XML's own five is resolved, so entity bombs and external entities have
nothing to work with. lxml's recovering parser reads on behind an error, where expat would stop; measured on 1 to 20 MB
of nested tags, stray `<`, attributes and comments it takes linear time and flat memory.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

MAX_TEXT_LENGTH = 16 * 1024

_HEAD_BYTES = 16 * 1024
# Inside of one tag, comment or text the parser can't be interrupted: nothing honest is this long without a `>`.
_MAX_RUN_LENGTH = 256 * 1024
_LONGEST_REFERENCE = 12

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9_.:-]{1,40})["']""")
_ASCII_BASED = re.compile(
    r"utf-?8|us-ascii|iso-?8859-?\d+|latin-?\d|(?:windows|cp)-?125\d|koi8-[ru]|shift[_-]jis|euc-\w+|gb\w+|big5"
)
_PROLOG = re.compile(r"\s+|<\?.*?\?>|<!--.*?-->", re.DOTALL)
_DOCTYPE = re.compile(r"<!DOCTYPE\s+([\w:.-]+)([^>\[]*)(\[|>)", re.IGNORECASE)
_TAG = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)(?=[\s/>])")
_HTML_ROOTS = frozenset({"html", "head", "body"})
_KNOWN_ROOT = re.compile(r"<(?:[\w.-]+:)?(urlset|sitemapindex|rss|feed|RDF)(?=[\s/>])", re.IGNORECASE)
_STRAY_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});)")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class XmlProblem(StrEnum):
    """Why a document was not read, or not to its end."""

    NOT_XML = "not_xml"
    HTML = "html"
    HAS_DTD = "has_dtd"
    CUT_SHORT = "cut_short"


class ElementSink(Protocol):
    """Who is told. Names are local ones in lower case, whatever their namespace; nothing may be raised."""

    def opened(self, name: str, attributes: Mapping[str, str]) -> None:
        """An element begins. Attribute names are local and in lower case."""

    def closed(self, name: str, text: str) -> None:
        """An element ends; `text` is what stands between its last tag and this one, up to MAX_TEXT_LENGTH characters."""


class XmlReader:
    """Reads one document, given in slices. `root` is the local name of its root, empty until that is known.

    Stray ampersands are read as such, also inside CDATA, where a `&` therefore arrives as `&amp;`.
    """

    def __init__(self, sink: ElementSink) -> None:
        self.root = ""
        self.problem: XmlProblem | None = None
        self._target = _Target(sink)
        self._head = b""
        self._parser: Any = None
        self._decoder: codecs.IncrementalDecoder | None = None
        self._carry = ""
        self._run_length = 0

    def feed(self, data: bytes) -> None:
        """The next slice. What comes after a problem is ignored. Never raises."""
        if self.problem is not None:
            return
        if self._decoder is None:
            self._head += data
            if len(self._head) >= _HEAD_BYTES:
                self._begin()
        else:
            self._parse(self._decoder.decode(data))

    def finish(self) -> None:
        """No more slices. Sets `problem` to CUT_SHORT if the root was never closed. Never raises."""
        if self._decoder is None and self.problem is None:
            self._begin()
        if self.problem is None and self._decoder is not None:
            self._parse(self._decoder.decode(b"", final=True), is_last=True)
        if self._parser is not None:
            self._close()
            if self.problem is None and not self._target.is_root_closed:
                self.problem = XmlProblem.CUT_SHORT

    def _begin(self) -> None:
        self._decoder = _decoder(self._head)
        text = self._decoder.decode(self._head).removeprefix("\ufeff")
        self._head = b""
        self.root, start, self.problem = _find_root(text)
        if self.problem is None:
            self._parser = _parser(self._target)
            self._parse(text[start:])

    def _parse(self, text: str, *, is_last: bool = False) -> None:
        text = self._carry + text
        cut = len(text) if is_last else _whole_references(text)
        text, self._carry = text[:cut], text[cut:]
        last = text.rfind(">")
        self._run_length = self._run_length + len(text) if last < 0 else len(text) - last
        if self._run_length > _MAX_RUN_LENGTH:
            self.problem = XmlProblem.CUT_SHORT
            return
        text = _STRAY_AMPERSAND.sub("&amp;", _FORBIDDEN.sub("", text))
        if text:
            self._tell(text)

    def _tell(self, text: str) -> None:
        from lxml import etree  # type: ignore[import-untyped]

        try:
            self._parser.feed(text)
        except etree.LxmlError:
            self.problem = XmlProblem.CUT_SHORT

    def _close(self) -> None:
        from lxml import etree

        self._target.is_over = True
        try:
            self._parser.close()
        except etree.LxmlError:
            self.problem = self.problem or XmlProblem.CUT_SHORT


class _Target:
    """What lxml calls (hence the names)."""

    def __init__(self, sink: ElementSink) -> None:
        self._sink = sink
        self._text: list[str] = []
        self._text_length = 0
        self._depth = 0
        self.is_root_closed = False
        # What the parser closes by itself at the end may be half of an address.
        self.is_over = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        self._take_text()
        self._sink.opened(
            _local(tag), {_local(name): value for name, value in attributes.items()} if attributes else {}
        )

    def end(self, tag: str) -> None:
        if self.is_over:
            return
        self._depth -= 1
        self.is_root_closed = self._depth == 0
        self._sink.closed(_local(tag), self._take_text())

    def data(self, data: str) -> None:
        if self._text_length < MAX_TEXT_LENGTH:
            self._text.append(data)
            self._text_length += len(data)

    def close(self) -> None:
        pass

    def _take_text(self) -> str:
        text = "".join(self._text)[:MAX_TEXT_LENGTH]
        self._text.clear()
        self._text_length = 0
        return text


def _local(name: str) -> str:
    # `{namespace}name`, or `prefix:name` where the prefix was never declared.
    return name.rpartition("}")[2].rpartition(":")[2].lower()


def _parser(target: _Target) -> Any:
    from lxml import etree  # 25 ms, on first use

    return etree.XMLParser(
        target=target, recover=True, resolve_entities=False, load_dtd=False, no_network=True, remove_comments=True,
        remove_pis=True,
    )  # fmt: skip


def _decoder(head: bytes) -> codecs.IncrementalDecoder:
    name = next((name for mark, name in _BOMS if head.startswith(mark)), "")
    if not name and (declared := _DECLARED.match(head)):
        # A declaration that could be read as ASCII can't be in UTF-16.
        label = declared[1].decode("ascii").lower()
        name = label if _ASCII_BASED.fullmatch(label) else ""
    try:
        return codecs.getincrementaldecoder(name or "utf-8")("replace")
    except LookupError:
        return codecs.getincrementaldecoder("utf-8")("replace")


def _find_root(text: str) -> tuple[str, int, XmlProblem | None]:
    """The root's local name and where it begins. Warnings that a server wrote in front of it are skipped."""
    at = 0
    while (match := _PROLOG.match(text, at)) or (match := _DOCTYPE.match(text, at)):
        at = match.end()
        if match.re is _DOCTYPE:
            if match[1].lower() == "html":
                return "html", at, XmlProblem.HTML
            if match[3] == "[":
                return match[1].lower(), at, XmlProblem.HAS_DTD
    first = _TAG.match(text, at)
    if first is not None and first[1].lower() in _HTML_ROOTS:
        return "html", at, XmlProblem.HTML
    if tag := _KNOWN_ROOT.search(text, at) or first:
        return tag[1].lower(), tag.start(), None
    return "", at, XmlProblem.NOT_XML


def _whole_references(text: str) -> int:
    """Where to cut so that no `&amp;` is taken apart."""
    at = text.rfind("&", max(len(text) - _LONGEST_REFERENCE, 0))
    return len(text) if at < 0 or ";" in text[at:] else at
