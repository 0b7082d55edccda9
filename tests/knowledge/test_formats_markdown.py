"""Markdown: the author's text, with headings, code and links where they are."""

from __future__ import annotations

import pytest

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats import Kind, read
from gleanery.knowledge.formats.markdown import MAX_CHARS

URL = "https://example.org/docs/guide.md"


def page_of(text: str, url: str = URL) -> ExtractedPage:
    (part,) = read(Kind.MARKDOWN, text.encode(), url, "utf-8")
    page = part.page
    for code in page.code_examples:
        assert page.markdown[code.start : code.end] == code.code
    for heading in page.outline:
        assert heading.offset == 0 or page.markdown[heading.offset - 1] == "\n"
    return page


def test_a_plain_document_stays_as_it_is() -> None:
    text = "# Pears\n\nThey *are* `sweet`  \nand <b>round</b>.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n![x](pear.png)"
    page = page_of(text)
    assert (page.markdown, page.title) == (text, "Pears")
    assert page.text_length > 20


def test_front_matter_is_metadata() -> None:
    page = page_of(
        '---\ntitle: "Pears: a guide"\ndescription: How they grow\nlang: en\ndate: 2024-99-99\n---\n\n# Pears\n\nText'
    )
    assert (page.title, page.description, page.language) == ("Pears: a guide", "How they grow", "en")
    assert page.markdown == "# Pears\n\nText"


def test_toml_front_matter_too() -> None:
    page = page_of('+++\ntitle = "Pears"\n+++\nText')
    assert (page.title, page.markdown) == ("Pears", "Text")


@pytest.mark.parametrize(
    "text", ["---\n\nText below a rule\n\n---\n", "---\n- a\n- b\n---\nText", "---\na: [\n---\nText"]
)
def test_what_only_looks_like_front_matter_stays(text: str) -> None:
    assert page_of(text).markdown == text.strip("\n")


def test_outline_with_anchors_as_github_makes_them() -> None:
    page = page_of(
        "# Pears & `Apples`, *grown*!\n\n## Install\n\nA\n\nInstall\n-------\n\n### Own {#given}\n\n<h2 align='x'>In HTML</h2>\n"
    )
    assert [(h.level, h.text, h.anchor) for h in page.outline] == [
        (1, "Pears & `Apples`, grown!", "pears--apples-grown"),
        (2, "Install", "install"),
        (2, "Install", "install-1"),
        (3, "Own", "given"),
        (2, "In HTML", "in-html"),
    ]
    starts = [page.markdown[h.offset :].split("\n")[0] for h in page.outline]
    assert starts == [
        "# Pears & `Apples`, *grown*!",
        "## Install",
        "Install",
        "### Own {#given}",
        "<h2 align='x'>In HTML</h2>",
    ]


def test_code_with_its_language_and_the_prose_before_it() -> None:
    page = page_of(
        '# A\n\nRun **this**:\n\n```py title="x.py"\nx = 1\n\n  y = 2\n```\n\n~~~{.rust .numberLines}\nfn f() {}\n~~~\n'
    )
    assert [(c.code, c.language, c.heading_path, c.context) for c in page.code_examples] == [
        ("x = 1\n\n  y = 2", "python", ("A",), "Run this:"),
        ("fn f() {}", "rust", ("A",), "Run this:"),
    ]


def test_code_in_lists_and_quotes_moves_to_column_0_with_what_is_below_it() -> None:
    page = page_of(
        "1. Do:\n\n    ```sh\n    ls\n      -l\n    ```\n\n    Then go on.\n\n2. End\n\n> ```\n> quoted\n> ```\n"
    )
    assert page.markdown == "1. Do:\n\n```sh\nls\n  -l\n```\n\nThen go on.\n\n2. End\n\n```\nquoted\n```"
    assert [c.code for c in page.code_examples] == ["ls\n  -l", "quoted"]


def test_indented_and_unclosed_code_becomes_fences() -> None:
    page = page_of("Text\n\n    a\n      b\n\nMore\n\n```c\nint x;")
    assert [(c.code, c.language) for c in page.code_examples] == [("a\n  b", None), ("int x;", "c")]
    assert page.markdown.endswith("```c\nint x;\n```")


def test_fences_in_fences() -> None:
    text = "````md\n```py\nx\n```\n````"
    page = page_of(text)
    assert page.markdown == text
    assert [(c.code, c.language) for c in page.code_examples] == [("```py\nx\n```", "markdown")]


WORDS = '!!! note "Mind" Text of it. ```py x ``` === "Tab" ??? tip Nested. After'


def test_admonitions_and_tabs_of_mkdocs_are_readable() -> None:
    page = page_of(
        '!!! note "Mind"\n\n    Text of it.\n\n    ```py\n    x\n    ```\n\n=== "Tab"\n\n    ??? tip\n        Nested.\n\nAfter\n'
    )
    assert " ".join(page.markdown.split()) == WORDS
    assert [c.code for c in page.code_examples] == ["x"]


def test_directives_are_no_code() -> None:
    page = page_of("```{note}\nMind.\n```\n\n```{code-block} python\nx\n```\n\n:::tip\nHello\n:::\n")
    assert [(c.code, c.language) for c in page.code_examples] == [("x", "python")]
    assert ":::tip\nHello\n:::" in page.markdown


def test_comments_and_module_lines_go() -> None:
    page = page_of(
        "import Tabs from '@theme/Tabs';\nexport const a = 1;\n\n<!-- gone\ngone -->A<!-- x -->B\n\n```js\nimport a from 'b';\n```\n"
    )
    assert page.markdown.split("\n\n")[0].strip() == "AB"
    assert [c.code for c in page.code_examples] == ["import a from 'b';"]


def test_links_are_absolute_and_once() -> None:
    page = page_of(
        "[a](../x.md#y) [b](/x) [c](../x.md) <https://e.org/> https://bare.org/p. [m](mailto:a@b) [d][r]\n\n[r]: z\n\n<a href='h'>h</a>"
    )
    assert page.links == (
        "https://example.org/x.md",
        "https://example.org/x",
        "https://e.org/",
        "https://bare.org/p",
        "https://example.org/docs/z",
        "https://example.org/docs/h",
    )


def test_a_document_without_a_heading_is_called_by_its_name() -> None:
    assert page_of("Just text").title == "guide.md"


def test_nothing_to_read() -> None:
    with pytest.raises(EmptyPage):
        page_of("---\ntitle: x\n---\n\n---\n")


def test_too_long() -> None:
    with pytest.raises(ExtractFailed) as caught:
        page_of("a" * (MAX_CHARS + 1))
    assert caught.value.details["fact"] == "characters"


@pytest.mark.parametrize(
    "text",
    [">" * 5_000 + " a", "- " * 5_000 + "a", "[" * 20_000 + "a", "`" * 20_001 + "a", "*a " * 20_000, "!!! a\n" * 2_000],
)
def test_hostile_text_is_read_all_the_same(text: str) -> None:
    assert page_of(text).markdown
