"""Documents of other formats, made byte by byte: PDFs and Word files, as small as they can be."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Text:
    """A line of a PDF's page, at a place in points from the left and the bottom."""

    x: float
    y: float
    text: str
    size: float = 10.0
    font: str = "F1"


PROSE, CODE, BOLD = "F1", "F2", "F3"
_FONTS = {PROSE: "Helvetica", CODE: "Courier", BOLD: "Helvetica-Bold"}


def pdf(
    pages: Sequence[Sequence[Text]],
    *,
    title: str = "",
    bookmarks: Sequence[tuple[str, int, float]] = (),
    extra: str = "",
) -> bytes:
    """A PDF of these pages (US Letter). Bookmarks: title, page from 1, height; `extra` goes into the trailer."""
    objects: dict[int, str] = {}
    fonts = " ".join(f"/{name} << /Type /Font /Subtype /Type1 /BaseFont /{base} >>" for name, base in _FONTS.items())
    first = 10
    for number, lines in enumerate(pages):
        drawn = "\n".join(f"BT /{t.font} {t.size} Tf {t.x} {t.y} Td ({_escaped(t.text)}) Tj ET" for t in lines)
        objects[first + 2 * number] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << {fonts} >> >>"
            f" /Contents {first + 2 * number + 1} 0 R >>"
        )
        objects[first + 2 * number + 1] = f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream"
    kids = " ".join(f"{first + 2 * number} 0 R" for number in range(len(pages)))
    objects[2] = f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>"
    objects[3] = f"<< /Title ({_escaped(title)}) >>"
    start = first + 2 * len(pages)
    for number, (name, page, height) in enumerate(bookmarks):
        following = f"/Next {start + number + 1} 0 R" if number + 1 < len(bookmarks) else ""
        objects[start + number] = (
            f"<< /Title ({_escaped(name)}) /Parent 4 0 R {following}"
            f" /Dest [{first + 2 * (page - 1)} 0 R /XYZ 0 {height} 0] >>"
        )
    outlines = ""
    if bookmarks:
        last = start + len(bookmarks) - 1
        objects[4] = f"<< /Type /Outlines /First {start} 0 R /Last {last} 0 R /Count {len(bookmarks)} >>"
        outlines = "/Outlines 4 0 R"
    objects[1] = f"<< /Type /Catalog /Pages 2 0 R {outlines} >>"
    return _file(objects, extra)


def _file(objects: Mapping[int, str], extra: str) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    places = {}
    for number, content in sorted(objects.items()):
        places[number] = len(out)
        out += f"{number} 0 obj\n{content}\nendobj\n".encode("latin-1")
    table = len(out)
    size = max(objects) + 1
    out += f"xref\n0 {size}\n".encode()
    for number in range(size):
        out += f"{places.get(number, 0):010} {'00000 n' if number in places else '65535 f'} \n".encode()
    out += f"trailer\n<< /Size {size} /Root 1 0 R /Info 3 0 R {extra} >>\nstartxref\n{table}\n%%EOF\n".encode()
    return bytes(out)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def paragraph(text: str, style: str = "", font: str = "") -> str:
    """A paragraph of a Word file."""
    properties = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    run = f'<w:rPr><w:rFonts w:ascii="{font}"/></w:rPr>' if font else ""
    return f'<w:p>{properties}<w:r>{run}<w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


_W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_TYPES = """<?xml version="1.0" encoding="UTF-8"?>
<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="application/xml"/>
<Override PartName="/word/document.xml"
 ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>"""
_RELATIONS = """<?xml version="1.0" encoding="UTF-8"?>
<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="rId1" Target="word/document.xml"
 Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>"""
_STYLES = {
    "Title": "Title",
    "Heading1": "heading 1",
    "Heading2": "heading 2",
    "SourceCode": "Source Code",
}


def docx(body: str, *, title: str = "", more: Mapping[str, bytes] | None = None, head: str = "") -> bytes:
    """A Word file with this content; `more` are further entries of the archive, `head` stands before the root."""
    styles = "".join(
        f'<w:style w:type="paragraph" w:styleId="{id_}"><w:name w:val="{name}"/></w:style>'
        for id_, name in _STYLES.items()
    )
    core = f'<cp:coreProperties xmlns:cp="c" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>{title}</dc:title></cp:coreProperties>'
    entries = {
        "[Content_Types].xml": _TYPES.encode(),
        "_rels/.rels": _RELATIONS.encode(),
        "word/document.xml": f"{head}<w:document {_W}><w:body>{body}</w:body></w:document>".encode(),
        "word/styles.xml": f"<w:styles {_W}>{styles}</w:styles>".encode(),
        "docProps/core.xml": core.encode(),
        **(more or {}),
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()
