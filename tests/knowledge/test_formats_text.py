"""Plain text, reStructuredText, AsciiDoc, man pages, RFCs."""

from __future__ import annotations

import pytest

from gleanery.errors import EmptyPage
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats import Kind, read

RST = """======
Pears
======

A paragraph::

    literal
      code

Section
-------

.. code-block:: python
   :linenos:

   def f():
       return 1

See https://example.org/x.

Sub
~~~

.. note:: Mind.
"""
MAN = (
    b"LS(1)                User Commands                LS(1)\n\n"
    b"\x1b[1mN\x08NA\x08AM\x08ME\x08E\x1b[0m\n       ls - _\x08l_\x08ist\n\n"
    b"SEE ALSO\n       \xe2\x80\x94\x08\xe2\x80\x94 dir(1)\n"
)
RFC = """

Network Working Group

1.  Introduction

   Words of the introduction, which goes on and on
   as the introductions of standards do, and that is
   what this is about: it ends after the page break.

Pear                         Standards Track                    [Page 1]
\x0c
RFC 9999                        Pears                       January 2024

1.1.  Terms

   More words.  And more words.
   And more.
   And more.
"""


def page_of(text: str | bytes, name: str = "x.txt") -> ExtractedPage:
    body = text if isinstance(text, bytes) else text.encode()
    (part,) = read(Kind.TEXT, body, f"https://example.org/{name}", None)
    for code in part.page.code_examples:
        assert part.page.markdown[code.start : code.end] == code.code
    return part.page


def outline(page: ExtractedPage) -> list[tuple[int, str, str]]:
    return [(h.level, h.text, page.markdown[h.offset :].split("\n")[0]) for h in page.outline]


def test_text_stays() -> None:
    page = page_of("A title\r\n\r\nSome *words*\n    indented\n\n\n")
    assert (page.markdown, page.title) == ("A title\n\nSome *words*\n    indented", "A title")
    assert page.outline == ()
    assert page.code_examples == ()


def test_restructured_text() -> None:
    page = page_of(RST)
    assert page.title == "Pears"
    assert outline(page) == [(1, "Pears", "======"), (2, "Section", "Section"), (3, "Sub", "Sub")]
    assert [(c.code, c.language, c.heading_path, c.context) for c in page.code_examples] == [
        ("literal\n  code", None, ("Pears",), "A paragraph::"),
        ("def f():\n    return 1", "python", ("Pears", "Section"), ""),
    ]
    assert page.links == ("https://example.org/x",)
    assert ".. note:: Mind." in page.markdown


def test_asciidoc() -> None:
    page = page_of("= Pears\n\n-v::\n\n    Say more.\n\n== Growing\n\nWords\n")
    assert outline(page) == [(1, "Pears", "= Pears"), (2, "Growing", "== Growing")]
    assert page.code_examples == ()


def test_a_printed_man_page() -> None:
    page = page_of(MAN)
    assert page.title == "LS(1)"
    assert [(level, text) for level, text, _ in outline(page)] == [(1, "LS(1)"), (2, "NAME"), (2, "SEE ALSO")]
    assert page.markdown.endswith("NAME\n       ls - list\n\nSEE ALSO\n       \u2014 dir(1)")


def test_the_source_of_a_man_page() -> None:
    page = page_of('.TH LS 1 "2024"\n.SH NAME\nls \\- list\n.SS "Exit status"\n0\n')
    assert [(level, text) for level, text, _ in outline(page)] == [(1, "LS(1)"), (2, "NAME"), (3, "Exit status")]


def test_an_rfc_without_its_page_breaks() -> None:
    page = page_of(RFC)
    assert [(level, text) for level, text, _ in outline(page)] == [(2, "1. Introduction"), (3, "1.1. Terms")]
    assert "[Page" not in page.markdown
    assert "January" not in page.markdown
    assert page.title == "Network Working Group"


@pytest.mark.parametrize("text", ["", " \n\t\n", "-----\n"])
def test_nothing_to_read(text: str) -> None:
    with pytest.raises(EmptyPage):
        page_of(text)
