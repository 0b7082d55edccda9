"""Word documents: mammoth makes HTML of them, and from there on they are pages like others."""

from __future__ import annotations

import html
import io
import re
import zipfile
import zlib
from dataclasses import replace
from typing import Any
from xml.parsers.expat import ExpatError

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.extract import ExtractedPage, extract_page
from gleanery.knowledge.formats.page_builder import name_of

MAX_ENTRIES = 10_000
MAX_XML_BYTES = 60_000_000
"""Of all XML parts together, unpacked. Pictures are not unpacked."""
_CODE_STYLES = (
    "Code",
    "Source Code",
    "Code Block",
    "HTML Preformatted",
    "Preformatted Text",
    "Macro Text",
    "macro",
    "Plain Text",
    "Listing",
)
_CODE_RUNS = ("Verbatim Char", "HTML Code", "Code Char", "Source Text", "Inline Code", "HTML Typewriter")
_STYLES = "\n".join(
    [
        "p[style-name='Title'] => h1:fresh",
        "p[style-name='Subtitle'] => p:fresh",
        *(f"p[style-name='{name}'] => pre:separator('\\n')" for name in _CODE_STYLES),
        *(f"r[style-name='{name}'] => code" for name in _CODE_RUNS),
    ]
)
_MONO = re.compile(r"mono|courier|consol|menlo|typewriter|fixed|\bcode\b", re.I)
_TITLE = re.compile(rb"<dc:title[^>]{0,200}>([^<]{1,1000})</dc:title>")
# mammoth has no errors of its own: a file that lacks what it looks for brings up whatever the lookup does.
_BROKEN = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    ExpatError,
    EOFError,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    NotImplementedError,
    RecursionError,
)
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.I)


def read_docx(body: bytes, url: str) -> ExtractedPage:
    """The page of a Word document: its title, headings, tables, lists, code by style or font; no pictures.

    Raises EmptyPage and ExtractFailed.
    """
    import mammoth  # type: ignore[import-untyped]

    title = _checked_title(body, url)
    try:
        made = mammoth.convert_to_html(
            io.BytesIO(body),
            style_map=_STYLES,
            include_embedded_style_map=False,
            transform_document=mammoth.transforms.paragraph(_by_font),
            convert_image=mammoth.images.img_element(lambda _: {}),
        )
    except _BROKEN as error:
        raise ExtractFailed(url, f"The Word document can't be read ({type(error).__name__}).", fact="docx") from error
    head = f"<title>{html.escape(title)}</title>" if title else ""
    try:
        page = extract_page(
            f"<!doctype html><html><head>{head}</head><body><main>{made.value}</main></body></html>", url
        )
    except EmptyPage:
        raise EmptyPage(url, "There is no text in this Word document.") from None
    return page if page.title else replace(page, title=name_of(url))


def _checked_title(body: bytes, url: str) -> str:
    """The title in the document's properties. Raises ExtractFailed for what is no such archive, or a trap."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries if entry.filename.endswith((".xml", ".rels")))
            if len(entries) > MAX_ENTRIES or size > MAX_XML_BYTES:
                message = f"The Word document unpacks to more than {MAX_XML_BYTES:,} bytes."
                raise ExtractFailed(url, message, fact="bytes", limit=MAX_XML_BYTES)
            if any(entry.flag_bits & 1 for entry in entries):
                raise ExtractFailed(url, "The Word document is encrypted.", fact="encrypted")
            for entry in entries:
                if entry.filename.endswith((".xml", ".rels")) and _DOCTYPE.search(_start(archive, entry)):
                    raise ExtractFailed(url, "The Word document declares entities, as none does.", fact="entities")
            properties = next((entry for entry in entries if entry.filename == "docProps/core.xml"), None)
            found = _TITLE.search(_start(archive, properties)) if properties else None
    except _BROKEN as error:
        raise ExtractFailed(url, "The Word document is broken: it can't be unpacked.", fact="zip") from error
    return html.unescape(found[1].decode("utf-8", "replace")).strip() if found else ""


def _start(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Where a document type could stand."""
    with archive.open(entry) as part:
        return part.read(65_536)


def _by_font(paragraph: Any) -> Any:
    """A paragraph that is all in a typewriter's font, and of no style of its own, is code."""
    from mammoth import documents, transforms

    if paragraph.style_name not in (None, "Normal", "Body Text", "No Spacing") or paragraph.numbering is not None:
        return paragraph
    runs = [run for run in transforms.get_descendants_of_type(paragraph, documents.Run) if _has_text(run)]
    if runs and all(run.font and _MONO.search(run.font) for run in runs):
        return paragraph.copy(style_id="SourceCode", style_name="Source Code")
    return paragraph


def _has_text(run: Any) -> bool:
    from mammoth import documents, transforms

    return any(text.value.strip() for text in transforms.get_descendants_of_type(run, documents.Text))
