"""Documents other than HTML, and HTML through the same door: `read` gives the parts of one as extracted pages.

Each format is a module of its own, imported with the first document of its kind. Runs in the processes of the pool.
"""

from __future__ import annotations

from dataclasses import dataclass

from gleanery.knowledge.extract import ExtractedPage, extract_page
from gleanery.knowledge.formats.kinds import Kind, kind_of

__all__ = ["Kind", "Part", "kind_of", "read"]


@dataclass(frozen=True, slots=True)
class Part:
    """A page that a document gives. `fragment` is empty for the document itself; an operation of an OpenAPI document has
    its JSON pointer (RFC 6901, section 6: escaped for URLs)."""

    fragment: str
    page: ExtractedPage

    def address(self, base: str) -> str:
        """The URL of this part, or its de-duplication key, made of that of the document."""
        return f"{base}#{self.fragment}" if self.fragment else base


def read(kind: Kind, body: bytes, url: str, charset: str | None = None) -> tuple[Part, ...]:
    """Take the document `body` that came from `url` apart; `charset` is the one its Content-Type header named.

    At least one part. Raises EmptyPage when there is nothing to read in it, ExtractFailed when it is broken, encrypted
    or exceeds a cap (`details["fact"]` names it).
    """
    match kind:
        case Kind.HTML:
            return (Part("", extract_page(body, url, charset)),)
        case Kind.PDF:
            from gleanery.knowledge.formats.pdf import read_pdf

            return (Part("", read_pdf(body, url)),)
        case Kind.DOCX:
            from gleanery.knowledge.formats.docx import read_docx

            return (Part("", read_docx(body, url)),)
        case Kind.MARKDOWN:
            from gleanery.knowledge.formats.markdown import read_markdown

            return (Part("", read_markdown(body, url, charset)),)
        case Kind.TEXT:
            from gleanery.knowledge.formats.text import read_text

            return (Part("", read_text(body, url, charset)),)
        case Kind.NOTEBOOK:
            from gleanery.knowledge.formats.notebook import read_notebook

            return (Part("", read_notebook(body, url, charset)),)
        case Kind.OPENAPI:
            from gleanery.knowledge.formats.openapi import read_openapi

            return tuple(Part(fragment, page) for fragment, page in read_openapi(body, url, charset))
