"""PDFs: what is read, in which order, what is left out, and what refuses to be read."""

from __future__ import annotations

import pytest

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats import Kind, read
from tests.knowledge.documents_made import BOLD, CODE, Text, pdf

URL = "https://example.org/files/manual.pdf"


def page_of(body: bytes) -> ExtractedPage:
    (part,) = read(Kind.PDF, body, URL)
    assert part.fragment == ""
    for code in part.page.code_examples:
        assert part.page.markdown[code.start : code.end] == code.code
    return part.page


def sheet(number: int, *lines: Text) -> list[Text]:
    """A page with a running head and a number at its foot."""
    return [Text(72, 760, "The Pear Manual"), *lines, Text(300, 30, str(number))]


MANUAL = [
    sheet(
        1,
        Text(72, 700, "The Pear Manual", 24),
        Text(72, 640, "1 Growing", 14, BOLD),
        Text(72, 610, "Pears grow on trees, and they do so wherever the winter is cold enough for them."),
        Text(72, 598, "They do not mind <b>wind</b> and need no care at all."),
        Text(72, 570, "A second paragraph tells of what comes next and it is long enough to be a line,"),
    ),
    sheet(
        2,
        Text(72, 700, "goes on over the page and ends here."),
        Text(72, 670, "1.1 Tools", 12, BOLD),
        Text(72, 640, "Call it like this, with whatever options you have come to like over the years:"),
        Text(72, 618, "def grow(tree):", 10, CODE),
        Text(96, 606, "if tree:", 10, CODE),
        Text(120, 594, "return 1", 10, CODE),
        Text(72, 570, "grow(1)", 10, CODE),
        Text(72, 540, "- first of them"),
        Text(72, 526, "- second of them"),
    ),
    sheet(3, Text(72, 700, "2 Eating", 14, BOLD), Text(72, 670, "Eat them.")),
    sheet(4, Text(72, 670, "Eat more of them.")),
]
TEXT = """# The Pear Manual

## 1 Growing

Pears grow on trees, and they do so wherever the winter is cold enough for them. They do not mind \\<b>wind\\</b> and need no care at all.

A second paragraph tells of what comes next and it is long enough to be a line, goes on over the page and ends here.

### 1.1 Tools

Call it like this, with whatever options you have come to like over the years:

```
def grow(tree):
    if tree:
        return 1

grow(1)
```

- first of them

- second of them

## 2 Eating

Eat them.

Eat more of them."""
CODE_TEXT = "def grow(tree):\n    if tree:\n        return 1\n\ngrow(1)"


def test_text_in_reading_order_without_running_heads_and_page_numbers() -> None:
    page = page_of(pdf(MANUAL, title="Pears & Co"))
    assert page.title == "Pears & Co"
    assert page.markdown == TEXT


def test_headings_by_size_lead_to_their_pages() -> None:
    page = page_of(pdf(MANUAL))
    assert [(h.level, h.text, h.anchor) for h in page.outline] == [
        (1, "The Pear Manual", "page=1"),
        (2, "1 Growing", "page=1"),
        (3, "1.1 Tools", "page=2"),
        (2, "2 Eating", "page=3"),
    ]
    assert page.title == "The Pear Manual"


def test_code_keeps_its_columns() -> None:
    (code,) = page_of(pdf(MANUAL)).code_examples
    assert (code.code, code.language) == (CODE_TEXT, None)
    assert code.heading_path == ("The Pear Manual", "1 Growing", "1.1 Tools")
    assert code.context.startswith("Call it like this")


def test_bookmarks_are_the_outline_where_there_are_some() -> None:
    marks = [("Growing", 1, 660.0), ("Eating", 3, 720.0), ("A picture", 4, 690.0)]
    page = page_of(pdf(MANUAL, bookmarks=marks))
    assert [(h.level, h.text, h.anchor) for h in page.outline] == [
        (1, "The Pear Manual", "page=1"),
        (2, "1 Growing", "page=1"),
        (2, "2 Eating", "page=3"),
        (2, "A picture", "page=4"),
    ]
    assert page.markdown.endswith("## A picture\n\nEat more of them.")


def test_pages_are_headings_where_there_is_no_other() -> None:
    page = page_of(pdf([[Text(72, 700, "Only a letter.")], [Text(72, 700, "And its second page.")]]))
    assert page.markdown == "## Page 1\n\nOnly a letter.\n\n## Page 2\n\nAnd its second page."
    assert [h.anchor for h in page.outline] == ["page=1", "page=2"]


def test_a_printed_table_of_contents_is_left_out() -> None:
    page = page_of(pdf([[Text(72, 700, "1 Growing . . . . . . . . . . . 3"), Text(72, 680, "Text that stays.")]]))
    assert page.markdown == "Text that stays."


def test_pictures_without_text_say_so() -> None:
    with pytest.raises(EmptyPage, match="pictures of pages but no text"):
        read(Kind.PDF, pdf([[], []]), URL)


def test_an_encrypted_pdf_says_so() -> None:
    locked = "/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{0}> /U <{0}> >>".format("ab" * 32)
    with pytest.raises(ExtractFailed, match="encrypted") as caught:
        read(Kind.PDF, pdf(MANUAL, extra=locked), URL)
    assert caught.value.details["fact"] == "encrypted"


@pytest.mark.parametrize("body", [b"", b"%PDF-1.4", b"%PDF-1.4\n" + b"\x00\xff" * 5000, pdf(MANUAL)[:600]])
def test_a_broken_pdf_says_so(body: bytes) -> None:
    with pytest.raises((ExtractFailed, EmptyPage)) as caught:
        read(Kind.PDF, body, URL)
    assert "PDF" in caught.value.message
