"""What a source gives as llms.txt and llms-full.txt, and that our own readers find all of it again."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.knowledge.extract import extract_page
from gleanery.knowledge.llms_out import Section, begin_full, sections_of, write_llms, write_page
from gleanery.store.portable_store import ListedPage
from gleanery.web.llms import parse_llms
from gleanery.web.llms_full import split_full
from tests.conftest import GIT_DOCS, PYTHON_DOCS

BASE = "https://a.test/docs/"


def listed(path: str, title: str = "", description: str = "") -> ListedPage:
    return ListedPage(f"pg_{path}", BASE + path, title or path, description)


def titles_of(pages: list[ListedPage]) -> dict[str, list[str]]:
    return {section.title: [page.title for page in section.pages] for section in sections_of(pages)}


def test_it_has_a_title_a_summary_and_a_list_of_links_for_each_section() -> None:
    sections = [
        Section("Guide", (listed("a.html", "How to begin", "First\nsteps."), listed("b.html"))),
        Section("API", (listed("c.html"),)),
    ]
    assert "".join(write_llms("Pears", "All\n of pears.", sections)) == (
        "# Pears\n\n> All of pears.\n\n## Guide\n\n"
        "- [How to begin](https://a.test/docs/a.html): First steps.\n- [b.html](https://a.test/docs/b.html)\n"
        "\n## API\n\n- [c.html](https://a.test/docs/c.html)\n"
    )


def test_sections_are_the_folders_below_what_all_have_in_common() -> None:
    pages = [
        listed("index.html", "Welcome"),
        listed("library/io.html", "io"),
        listed("library/index.html", "The library"),
        listed("how-to_guides/x.html", "x"),
        listed("how-to_guides/deep/er/y.html", "y"),
        listed("library/re.html", "re"),
        listed("about.html", "About"),
    ]
    assert titles_of(pages) == {
        "Pages": ["Welcome", "About"],
        "The library": ["io", "The library", "re"],
        "How to guides": ["x", "y"],
    }


def test_a_folder_of_one_page_is_no_section() -> None:
    pages = [listed("a/"), listed("b/"), listed("c/x/"), listed("c/y/")]
    assert titles_of(pages) == {"Pages": ["a/", "b/"], "C": ["c/x/", "c/y/"]}


def test_pages_of_one_folder_are_one_section() -> None:
    assert titles_of([listed("a/b/1.html"), listed("a/b/2.html")]) == {"Pages": ["a/b/1.html", "a/b/2.html"]}


def test_pages_of_two_hosts_are_told_apart_by_them() -> None:
    pages = [ListedPage(str(n), f"https://{host}/p{n}", f"p{n}", "") for n, host in enumerate("aabb")]
    assert [[page.title for page in section.pages] for section in sections_of(pages)] == [["p0", "p1"], ["p2", "p3"]]


def test_no_pages_are_no_sections() -> None:
    assert sections_of([]) == ()
    assert "".join(write_llms("", "", [])) == "# Untitled\n"


@pytest.mark.parametrize(
    "url",
    [
        "https://a.test/wiki/Pear_(fruit)",
        "https://a.test/wiki/Pear_(fruit",
        "https://a.test/wiki/)(",
        "https://a.test/f((x))",
        "https://a.test/a?q=[1]&r=*",
        "https://a.test/a_b_c*d",
        "https://a.test/" + "x" * 2000,
    ],
)
def test_whatever_a_url_has_in_it_a_reader_finds_it(url: str) -> None:
    page = ListedPage(
        "pg", url, "A [page] \\ of [x](https://b.test/)", "See [that](https://c.test/) \\[" + "long " * 1000
    )
    text = "".join(write_llms("T", "S", [Section("S", (page,))]))
    read = parse_llms(text, "https://a.test/llms.txt")
    assert read is not None
    (link,) = read.links()
    assert link.url.replace("%28", "(").replace("%29", ")") == url
    assert link.title == "A [page] of [x](https://b.test/)"


TEXT = st.text(
    alphabet=st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("[]()<>\\`*_#:-~>\n\t "), max_size=60
)


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8))
def test_any_titles_and_descriptions_leave_every_page_to_be_found(texts: list[tuple[str, str]]) -> None:
    pages = [listed(f"p{number}", title, notes) for number, (title, notes) in enumerate(texts)]
    text = "".join(write_llms(texts[0][0], texts[0][1], sections_of(pages)))
    read = parse_llms(text, "https://a.test/llms.txt")
    assert read is not None
    assert [link.url for link in read.links()] == [page.url for page in pages]


MARKDOWN = [
    "# One\n\nText.",
    "No heading\n\n---\n\n## Two\n\n---\ntitle: not front matter\n---\n\nmore",
    "```\n<page>\n# x\n```\n\n~~~\nnever closed",
    "# Three\n\n<page>\n\n---\nurl: https://b.test/\n---\n\n</doc>",
    '# About </page> itself\n\n<doc title="x">\n',
    "#\n\n漢字 🍐\n\n    indented\n",
    "# Setext\n\nHead\n----\n\n* * *\n\nlast",
]


def test_every_page_is_found_again_with_its_text() -> None:
    text = begin_full("All", "of it") + "".join(
        write_page(f'A "fine" title {number}', f"{BASE}{number}", markdown) for number, markdown in enumerate(MARKDOWN)
    )
    pages = split_full(text, "https://a.test/llms-full.txt")
    assert [(page.url, page.markdown) for page in pages] == [
        (f"{BASE}{number}", markdown.strip("\n")) for number, markdown in enumerate(MARKDOWN)
    ]
    assert [page.title for page in pages] == [f'A "fine" title {number}' for number in range(len(MARKDOWN))]


def test_a_page_about_both_tags_is_still_one_page() -> None:
    pages = split_full(write_page("T", BASE, "a </page> b </doc> c") + write_page("U", f"{BASE}u", "d"), BASE)
    assert [(page.url, page.markdown) for page in pages] == [(BASE, "a </page> b <\\/doc> c"), (f"{BASE}u", "d")]


@pytest.mark.parametrize(("folder", "glob"), [(PYTHON_DOCS, "library/a*.html"), (GIT_DOCS, "git-c*.html")])
def test_real_documentation_goes_out_and_comes_back_whole(folder: Path, glob: str) -> None:
    made = []
    for path in sorted(folder.glob(glob)):
        url = f"https://docs.test/{path.relative_to(folder)}"
        made.append((url, extract_page(path.read_bytes(), url)))
    text = begin_full("Docs", "") + "".join(write_page(page.title, url, page.markdown) for url, page in made)
    pages = split_full(text, "https://docs.test/llms-full.txt")
    assert len(pages) > 20
    assert [(page.url, page.markdown) for page in pages] == [(url, page.markdown.strip("\n")) for url, page in made]
