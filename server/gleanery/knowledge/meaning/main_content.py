"""What the crawl's extractor made of the page, as far as its meaning needs it."""

from __future__ import annotations

from dataclasses import dataclass

from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.prose import plain_text


@dataclass(frozen=True, slots=True)
class MainContent:
    """`is_found`: there is something to read. `word_count` counts the words of the Markdown, without its marks; `previous_url` and
    `next_url` are what the page names by rel=prev and next."""

    markdown: str = ""
    word_count: int = 0
    is_found: bool = False
    description: str = ""
    generator: str = ""
    code_count: int = 0
    previous_url: str | None = None
    next_url: str | None = None

    @classmethod
    def of(cls, page: ExtractedPage) -> MainContent:
        return cls(
            markdown=page.markdown,
            word_count=len(plain_text(page.markdown).split()),
            is_found=True,
            description=page.description,
            generator=page.generator,
            code_count=len(page.code_examples),
            previous_url=page.prev_url,
            next_url=page.next_url,
        )


NOTHING_FOUND = MainContent()
