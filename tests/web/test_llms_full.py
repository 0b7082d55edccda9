"""llms-full.txt: the joints of every generator found, nothing else cut, nothing lost."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.web.llms_full import FullPage, split_full

SITE = "https://docs.example.org"
BASE = f"{SITE}/llms-full.txt"


def test_a_source_line_below_the_title() -> None:
    text = (
        f"# A\nSource: {SITE}/a\n\nText\n\n# Not a page\n\n```bash\n# a comment\nURL: /no\n```\n\n---\n\nMore\n\n\n"
        f"# B\n\nSource: {SITE}/b\n\nEnd\n"
    )
    assert split_full(text, BASE) == (
        FullPage("A", f"{SITE}/a", "# A\n\nText\n\n# Not a page\n\n```bash\n# a comment\nURL: /no\n```\n\n---\n\nMore"),
        FullPage("B", f"{SITE}/b", "# B\n\n\nEnd"),
    )


def test_a_url_line_is_surer_than_a_source_line_and_the_title_may_hold_it() -> None:
    text = (
        "# A (/docs/a)\n\nx\n\n# B\nURL: /docs/b\nSource: https://raw.example/b.mdx\n\ny\n\n# C (https://h/c)\n\n(/z)"
    )
    assert split_full(text, BASE) == (
        FullPage("A", f"{SITE}/docs/a", "# A\n\nx"),
        FullPage("B", f"{SITE}/docs/b", "# B\n\ny"),
        FullPage("C", "https://h/c", "# C\n\n(/z)"),
    )


def test_a_code_block_that_nobody_closed_ends_at_the_sites_next_page() -> None:
    text = f"# A\nSource: {SITE}/a\n\n```py\nx = 1\n\n# B\nSource: {SITE}/b\n\n```\n# C\nSource: https://else.example/c\n```\n"
    assert split_full(text, BASE) == (
        FullPage("A", f"{SITE}/a", "# A\n\n```py\nx = 1"),
        FullPage("B", f"{SITE}/b", "# B\n\n```\n# C\nSource: https://else.example/c\n```"),
    )


def test_front_matter_with_a_url() -> None:
    text = (
        "---\nurl: /a.md\ndescription: 'd'\n---\n\n# A {#a}\n\nText\n\n---\n\nbelow a rule\n\n---\n\n"
        '---\nurl: https://h/b.md\ntitle: "Bee"\n---\n# B\n\n---\n\n---\nurl: /empty.md\n---\n\n'
    )
    assert split_full(text, BASE) == (
        FullPage("A", f"{SITE}/a.md", "# A {#a}\n\nText\n\n---\n\nbelow a rule"),
        FullPage("Bee", "https://h/b.md", "# B"),
    )


def test_front_matter_below_stars() -> None:
    text = (
        "***\n\ntitle: A\nsubtitle: s\n-----------\n\nbody\n\n***\n\nmore\n\n***\n\ntitle: B\nslug: b\n-------\n\nend"
    )
    assert split_full(text, BASE) == (FullPage("A", None, "body\n\n***\n\nmore"), FullPage("B", None, "end"))


def test_page_tags() -> None:
    text = (
        "<page>\n---\ntitle: A · Site\nsource_url:\n  html: https://docs.example.org/a/\n  md: https://docs.example.org/a/index.md\n"
        "---\n\n# A\n\nbody\n\n</page>\n\n<page>\n# B\n\nend\n</page>\n"
    )
    assert split_full(text, BASE) == (
        FullPage("A · Site", f"{SITE}/a/", "# A\n\nbody"),
        FullPage("B", None, "# B\n\nend"),
    )


def test_doc_tags() -> None:
    text = (
        '<project title="P">> Summary\n<docs><doc title="A &amp; Z" desc="d"># Other\n\nx <page> y\n</doc><doc title="B">\ny\n</doc>'
        "</docs></project>"
    )
    assert split_full(text, BASE) == (FullPage("A & Z", None, "# Other\n\nx <page> y"), FullPage("B", None, "y"))


def test_numbered_tags() -> None:
    text = "# https://h llms-full.txt\n\n<|firecrawl-page-1-lllmstxt|>\n## A\na\n\n# more\n\n<|firecrawl-page-2-lllmstxt|>\n## B\nb\n"
    assert split_full(text, BASE)[1:] == (FullPage("A", None, "## A\na\n\n# more"), FullPage("B", None, "## B\nb"))


def test_a_source_line_below_headings_of_the_second_level() -> None:
    text = "# Site\n\n> s\n\n" + "".join(f"## {name}\n\nSource: /{name}\n\n## part\n\n{name}\n\n" for name in "abc")
    assert [(page.title, page.url) for page in split_full(text, BASE)] == [
        ("Site", None), ("a", f"{SITE}/a"), ("b", f"{SITE}/b"), ("c", f"{SITE}/c"),
    ]  # fmt: skip


def test_a_source_line_may_be_a_quotation_or_bold() -> None:
    text = "# A\n\n> Source: /a\n\na\n\n# B\n**Source:** https://h/b\n\nb\n\n# C\nSource: see https://h/c\n"
    assert split_full(text, BASE) == (
        FullPage("A", f"{SITE}/a", "# A\n\n\na"),
        FullPage("B", "https://h/b", "# B\n\nb\n\n# C\nSource: see https://h/c"),
    )


def test_rules_above_headings_of_the_second_level() -> None:
    text = "# Site\n\n> d\n\nAll of it.\n\n## One\n\n# inner\n\n## part of one\n\n---\n\n## Two\n\n2\n\n---\n\n## Three\n\n3\n"
    assert split_full(text, BASE) == (
        FullPage("Site", None, "# Site\n\n> d\n\nAll of it."),
        FullPage("One", None, "## One\n\n# inner\n\n## part of one"),
        FullPage("Two", None, "## Two\n\n2"),
        FullPage("Three", None, "## Three\n\n3"),
    )


def test_rules_above_headings_of_the_first_level() -> None:
    text = "# A\n\na\n\n---\n\n# B\n\nb\n\n---\n\n# C\n\n# c2\n"
    assert [page.markdown for page in split_full(text, BASE)] == ["# A\n\na", "# B\n\nb", "# C\n\n# c2"]


def test_headings_alone() -> None:
    text = "<SYSTEM>This is all.</SYSTEM>\n\n# A\n\n## a1\n\n---\n\na\n\n```sh\n# comment\n```\n\n# B `code`\n\nb\n"
    assert split_full(text, BASE) == (
        FullPage("A", None, "# A\n\n## a1\n\n---\n\na\n\n```sh\n# comment\n```"),
        FullPage("B code", None, "# B `code`\n\nb"),
    )


def test_an_example_of_a_joint_is_none() -> None:
    text = (
        "# A\n\na\n\n# B\n\nPages look so:\n\n# T\nSource: https://h/t\n\nand\n\n---\ntitle: T\n---\n\nso.\n\n# C\n\nc"
    )
    assert [page.title for page in split_full(text, BASE)] == ["A", "B", "T", "C"]


def test_a_text_without_joints_is_one_page() -> None:
    assert split_full("just text\n\n## Part\n", BASE) == (FullPage("Part", None, "just text\n\n## Part"),)


@pytest.mark.parametrize("text", ["", " \n\n", "<!doctype html><h1>404</h1>", "<html>\n# A\n"])
def test_what_has_no_pages(text: str) -> None:
    assert split_full(text, BASE) == ()


@given(st.lists(st.sampled_from([
    "# A", "# B (/b)", "## C", "---", "***", "", "Source: /s", "URL: https://h/u", "title: x", "url: /y", "text", "```", "~~~",
    "<page>", "</page>", "  indented",
]), max_size=25))  # fmt: skip
def test_no_word_of_the_text_is_lost(lines: list[str]) -> None:
    lines = [f"{line} {number}" if line in ("text", "  indented") else line for number, line in enumerate(lines)]
    pages = split_full("\n".join(lines), BASE)
    if "<page>" not in lines:
        kept = [line for page in pages for line in page.markdown.split("\n") if line.startswith(("text", "  indented"))]
        assert [line for line in kept if line.startswith("text")] == [line for line in lines if line.startswith("text")]


@pytest.mark.parametrize(
    "text",
    [
        "---\n" * 200_000,
        "# \n" * 200_000,
        "```\n" * 200_000,
        "---\na: b\n" * 100_000,
        "<SYSTEM>" * 100_000,
        "# a\n\n" + "\n" * 500_000,
    ],
    ids=["rules", "headings", "fences", "fields", "system", "blank"],
)
def test_hostile_texts_take_linear_time(text: str) -> None:
    def cpu_seconds(part: str) -> float:
        started = time.process_time()
        split_full(part, BASE)
        return time.process_time() - started

    # Four times the text takes four times as long, on any machine; were it the square, sixteen times.
    assert cpu_seconds(text) < 8 * cpu_seconds(text[: len(text) // 4]) + 0.2
