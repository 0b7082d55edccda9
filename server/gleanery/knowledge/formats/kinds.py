"""Which kinds of documents are read, and of which kind a body is: by its type header, its first bytes, its name.

The header is believed where the bytes don't say otherwise: servers send HTML as text/plain, Markdown as HTML, and
everything as octet-stream (WHATWG MIME Sniffing names the signatures).
"""

from __future__ import annotations

import re
from enum import StrEnum
from urllib.parse import unquote, urlsplit

LOOKED_AT = 1024 * 1024
"""More of a body than this is not looked at, in bytes."""


class Kind(StrEnum):
    """A kind of document that can be read."""

    HTML = "html"
    PDF = "pdf"
    DOCX = "docx"
    MARKDOWN = "markdown"
    TEXT = "text"
    OPENAPI = "openapi"
    NOTEBOOK = "notebook"


_DOCX_TYPES = "vnd.openxmlformats-officedocument.wordprocessingml.document vnd.ms-word.document.macroenabled.12"
_MARKDOWN_TYPES = "text/markdown text/x-markdown text/vnd.daringfireball.markdown text/mdx application/markdown"
_TEXT_TYPES = "text/x-rst text/prs.fallenstein.rst text/x-asciidoc text/asciidoc text/troff application/x-troff-man"
_BY_TYPE = {
    **dict.fromkeys(("text/html", "application/xhtml+xml"), Kind.HTML),
    **dict.fromkeys(("application/pdf", "application/x-pdf"), Kind.PDF),
    **dict.fromkeys((f"application/{name}" for name in _DOCX_TYPES.split()), Kind.DOCX),
    **dict.fromkeys(_MARKDOWN_TYPES.split(), Kind.MARKDOWN),
    **dict.fromkeys(_TEXT_TYPES.split(), Kind.TEXT),
    "application/x-ipynb+json": Kind.NOTEBOOK,
}
_TEXT_ENDINGS = "txt text rst rest adoc asciidoc org me man 1 2 3 4 5 6 7 8 9"
_BY_ENDING = {
    **dict.fromkeys(["htm", "html", "xhtml", "xht", "shtml"], Kind.HTML),
    "pdf": Kind.PDF,
    **dict.fromkeys(["docx", "docm", "dotx"], Kind.DOCX),
    **dict.fromkeys(["md", "mdx", "markdown", "mdown", "mkd", "mkdn", "qmd", "rmd"], Kind.MARKDOWN),
    **dict.fromkeys(_TEXT_ENDINGS.split(), Kind.TEXT),
    **dict.fromkeys(["json", "yaml", "yml"], Kind.OPENAPI),
    "ipynb": Kind.NOTEBOOK,
}
# Plain text to a server, no document to a reader.
_NOT_TEXT = re.compile(r"css|m?[jt]sx?|csv|tsv|xml|xsl|svg|log|map|ini|toml|sql|lock|patch|diff|srt|vtt|ics|pem|asc")
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/x-download", "unknown/unknown"})
_DATA = re.compile(r"[\w.+-]+/(?:[\w.+-]+\+)?(?:json|x-json|yaml|x-yaml|vnd\.yaml|vnd\.oai\.openapi)")
_XML = re.compile(r"(?:text|application)/(?:[\w.-]+\+)?xml")
_LLMS = re.compile(r"llms[\w-]*\.txt", re.I)

_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_HTML_TAGS = b"html head body title script iframe h1 div font table a style b br p !-- meta link main section article"
_HTML_START = re.compile(
    rb"(?:\s|<\?xml[^>]{0,200}\?>|<!--(?>.{0,2000}?-->))*+"
    rb"<(?:!doctype\s+html|(?:" + b"|".join(_HTML_TAGS.split()) + rb")(?=[\s>/]))",
    re.I | re.S,
)
_HTML_PAGE = re.compile(
    rb"(?:\s|<\?xml[^>]{0,200}\?>|<!--(?>.{0,2000}?-->))*+<(?:html|!doctype\s+html)[\s>]", re.I | re.S
)
_ANY_TAG = re.compile(rb"</?[a-z][a-z0-9]*[\s>/]|<!doctype", re.I)
_OPENAPI_JSON = re.compile(rb"""["'](?:openapi|swagger)["']\s*:\s*["']?[23]\.""")
_OPENAPI_YAML = re.compile(rb"""^["']?(?:openapi|swagger)["']?[ \t]*:[ \t]*["']?[23]\.""", re.M)
# What may stand above the version: comments, other keys and what is indented below them.
_YAML_LINE = re.compile(rb"""[ \t].*|#.*|---.*|%.*|- .*|["']?[\w.$/{}-]+["']?[ \t]*:(?:[ \t].*)?|""")
_NOTEBOOK = re.compile(rb'"nbformat"\s*:\s*[34]\b')
_CELLS = re.compile(rb'"(?:cells|worksheets)"\s*:\s*\[')
_MARKDOWN_HEADING = re.compile(rb"^#{1,6} \S", re.M)
_MARKDOWN_OTHER = re.compile(rb"\]\((?:https?:|\.{0,2}/|#)|^(?:```|~~~)[\w{ -]*$", re.M)


def kind_of(content_type: str, url: str, head: bytes) -> Kind | None:
    """The kind of a document with this Content-Type header (empty: none was sent), this URL or file name and these
    first bytes (as many as there are; the first MiB counts). None: nothing that can be read, or not a document."""
    named = content_type.partition(";")[0].strip().lower()
    head = head[:LOOKED_AT]
    ending = _ending(url)
    if b"%PDF-" in head[:1024]:
        return Kind.PDF
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(named, ending, head)
    if not _is_text(head):
        return None
    text = head
    for mark in _BOMS:
        text = text.removeprefix(mark)
    if named in _VAGUE or named.startswith("text/plain"):
        return _by_name(named, ending, url, text)
    kind = _BY_TYPE.get(named)
    if kind in (Kind.PDF, Kind.DOCX):
        return None  # the signature is not there
    if kind is Kind.HTML:
        return _not_quite_html(ending, text)
    if kind is Kind.NOTEBOOK or _DATA.fullmatch(named) or named == "text/yaml":
        return _data_kind(text)
    if _XML.fullmatch(named):
        return Kind.HTML if _HTML_PAGE.match(text[:8192]) else None
    if kind is not None and _HTML_PAGE.match(text[:8192]):
        return Kind.HTML
    return kind


def _ending(url: str) -> str:
    """What stands behind the last dot of the file's name, in lower case."""
    try:
        path = urlsplit(url).path
    except ValueError:
        return ""
    name = unquote(path).rpartition("/")[2]
    return name.rpartition(".")[2].lower() if "." in name else ""


def _zip_kind(named: str, ending: str, head: bytes) -> Kind | None:
    is_word = b"word/" in head or _BY_TYPE.get(named) is Kind.DOCX or _BY_ENDING.get(ending) is Kind.DOCX
    is_other = any(folder in head for folder in (b"xl/workbook", b"ppt/presentation", b"mimetypeapplication/"))
    return Kind.DOCX if is_word and not is_other else None


def _is_text(head: bytes) -> bool:
    """Whether no byte is there that text never has (WHATWG MIME Sniffing, "binary data byte"); UTF-16 needs its BOM.
    Backspace and escape stay: man pages are printed with them."""
    if head.startswith(_BOMS[1:]):
        return True
    binary = bytes([*range(0x08), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)])
    sample = head[:4096]
    return len(sample.translate(None, binary)) == len(sample)


def _by_name(named: str, ending: str, url: str, text: bytes) -> Kind | None:
    if _HTML_START.match(text[:8192]):
        # Markdown may begin with a tag too: a centred logo.
        is_markdown = _BY_ENDING.get(ending) is Kind.MARKDOWN and not _HTML_PAGE.match(text[:8192])
        return Kind.MARKDOWN if is_markdown else Kind.HTML
    data = _data_kind(text)
    if data is not None:
        return data
    kind = _BY_ENDING.get(ending)
    if kind is Kind.MARKDOWN or _LLMS.search(url):
        return Kind.MARKDOWN
    if kind is Kind.TEXT or (named.startswith("text/plain") and kind in (None, Kind.HTML)):
        if ending and _NOT_TEXT.fullmatch(ending):
            return None
        return Kind.MARKDOWN if ending in ("", "txt") and _is_markdown(text) else Kind.TEXT
    if kind is None and named in _VAGUE and ending == "" and _is_markdown(text):
        return Kind.MARKDOWN
    return None


def _not_quite_html(ending: str, text: bytes) -> Kind | None:
    """What was sent as HTML: that, unless there is not a single tag in it and its name says something else."""
    if _ANY_TAG.search(text[:65536]):
        return Kind.HTML
    data = _data_kind(text)
    if data is not None:
        return data
    kind = _BY_ENDING.get(ending)
    return kind if kind in (Kind.MARKDOWN, Kind.TEXT) else Kind.HTML


def _data_kind(text: bytes) -> Kind | None:
    """JSON or YAML that is an OpenAPI document (3.x, Swagger 2) or a notebook."""
    start = text[:256].lstrip()
    if start.startswith(b"{"):
        if _OPENAPI_JSON.search(text):
            return Kind.OPENAPI
        return Kind.NOTEBOOK if _CELLS.search(text) and (_NOTEBOOK.search(text) or len(text) == LOOKED_AT) else None
    version = _OPENAPI_YAML.search(text[:65536])
    is_yaml = version and all(_YAML_LINE.fullmatch(line) for line in text[: version.start()].splitlines())
    return Kind.OPENAPI if is_yaml else None


def _is_markdown(text: bytes) -> bool:
    """Whether text without a telling name has a heading and something else that only Markdown has."""
    sample = text[:65536]
    return bool(_MARKDOWN_HEADING.search(sample) and _MARKDOWN_OTHER.search(sample))
