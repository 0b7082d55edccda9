"""What the documents say, as tests ask for it: pages of the example, their sections, tables and blocks of code."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path

import gleanery

ROOT = Path(__file__).parents[1]
PACKAGE = Path(gleanery.__file__).parent
EXAMPLE = PACKAGE / "example"
PAGES = sorted(file.name for file in EXAMPLE.glob("*.html"))
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """A page of the example: its tags must close in order; what tests ask of it is collected."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self.codes: list[str] = []
        self.rows: list[list[str]] = []
        self.text = (EXAMPLE / name).read_text()
        self.feed(self.text)
        self.close()
        assert self.open == [], f"{name}: not closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "code":
            self.codes.append("")
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"{self.name}: </{tag}> without a start"
        assert self.open.pop() == tag, f"{self.name}: </{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "code" in self.open:
            self.codes[-1] += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += f"`{data}`" if "code" in self.open else data

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.attributes if "id" in attributes]

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for tag, attributes in self.attributes if tag == "a"]


def section(page: str, heading_id: str) -> str:
    """The HTML of a page from the heading with that id to the next one of its level or above."""
    text = (EXAMPLE / page).read_text()
    start = re.search(rf'<h(\d) id="{heading_id}">', text)
    assert start, f"{page} has no heading {heading_id}"
    rest = text[start.end() :]
    end = re.search(rf"<h[1-{start[1]}] |</main>", rest)
    assert end
    return rest[: end.start()]


def coded(html: str) -> set[str]:
    """The words in the code marks of a piece of HTML: `{task_id, seq?}` has two of them."""
    return {
        word for code in re.findall(r"<code[^>]*>(.*?)</code>", html, re.DOTALL) for word in re.findall(r"[\w-]+", code)
    }


def code_blocks(page: str, language: str) -> list[str]:
    """The blocks of code of a page, as they are read."""
    text = (EXAMPLE / page).read_text()
    return [
        html.unescape(block)
        for block in re.findall(rf'<pre><code class="language-{language}">(.*?)</code></pre>', text, re.DOTALL)
    ]


def first_codes(page: str) -> set[str]:
    """What stands in code marks in the first cells of a page's tables."""
    return {code for row in Page(page).rows for code in re.findall(r"`([^`]+)`", row[0])}
