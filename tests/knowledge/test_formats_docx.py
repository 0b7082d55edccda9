"""Word documents: structure, code by style and by font, and archives that are traps."""

from __future__ import annotations

import pytest

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats import Kind, read
from tests.knowledge.documents_made import docx, paragraph

URL = "https://example.org/files/pears.docx"


def page_of(body: bytes) -> ExtractedPage:
    (part,) = read(Kind.DOCX, body, URL)
    for code in part.page.code_examples:
        assert part.page.markdown[code.start : code.end] == code.code
    return part.page


def test_headings_text_tables_and_code() -> None:
    cell = "<w:tc>{}</w:tc>"
    row = f"<w:tr>{cell.format(paragraph('a'))}{cell.format(paragraph('b'))}</w:tr>"
    page = page_of(
        docx(
            paragraph("The Pear Manual", "Title")
            + paragraph("Growing", "Heading1")
            + paragraph("They grow. &lt;Really&gt;")
            + paragraph("def f():", "SourceCode")
            + paragraph("    return 1", "SourceCode")
            + paragraph("By font:")
            + paragraph("ls -l", font="Courier New")
            + f"<w:tbl>{row}{row}</w:tbl>",
            title="Pears &amp; Co",
        )
    )
    assert page.title == "Pears & Co"
    assert [(h.level, h.text) for h in page.outline] == [(1, "The Pear Manual"), (1, "Growing")]
    assert [c.code for c in page.code_examples] == ["def f():\n    return 1", "ls -l"]
    assert page.code_examples[0].context == "They grow. <Really>"
    assert "| a | b |" in page.markdown


def test_without_a_title_the_first_heading_is_it_else_the_name() -> None:
    assert page_of(docx(paragraph("Growing", "Heading1") + paragraph("x"))).title == "Growing"
    assert page_of(docx(paragraph("Only text"))).title == "pears.docx"


def test_a_document_without_text_is_empty() -> None:
    with pytest.raises(EmptyPage, match="Word document"):
        page_of(docx(paragraph("")))


@pytest.mark.parametrize(
    ("body", "fact"),
    [
        (b"", "zip"),
        (b"PK\x03\x04" + b"x" * 1000, "zip"),
        (docx(paragraph("x"))[:900], "zip"),
        (docx("<w:p>", head=""), "docx"),
        (docx(paragraph("x"), more={"word/more.xml": b" " * 70_000_000}), "bytes"),
        (docx(paragraph("&a;"), head='<!DOCTYPE x [<!ENTITY a "aaaa">]>'), "entities"),
    ],
)
def test_broken_files_and_traps_say_so(body: bytes, fact: str) -> None:
    with pytest.raises(ExtractFailed, match="Word document") as caught:
        page_of(body)
    assert caught.value.details["fact"] == fact


def test_what_is_no_word_document_says_so() -> None:
    with pytest.raises(ExtractFailed):
        page_of(docx("", more={"word/document.xml": b"<x/>"}))
