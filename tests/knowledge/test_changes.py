"""What changed between two versions of a page: sections, the lines and words in them, code examples; in bounded time."""

from __future__ import annotations

import random
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gleanery.knowledge.changes import NO_PAGE, CodeChange, PageDiff, PageText, SectionChange, diff_pages
from gleanery.knowledge.line_diff import Budget, DiffLine, LineKind, changed_words, diff_lines, same_items, unified
from gleanery.knowledge.section_pairs import cut_sections
from gleanery.model import Heading, StoredCode

_HEADING = re.compile(r"^(#{1,6}) (.*?)(?: \{#([\w-]+)\})?$", re.M)
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def page(markdown: str, title: str = "Guide") -> PageText:
    """A page of plain Markdown: `#` lines are its headings (with an anchor in `{#…}`), fences its code examples."""
    outline = tuple(Heading(len(m[1]), m[2], m[3], m.start()) for m in _HEADING.finditer(markdown))
    codes = tuple(
        StoredCode(f"cx_{n}_{hash(m[2])}", "pg", "src", n, m[1] or None, m[2], (), "", m.start(2), m.end(2))
        for n, m in enumerate(_FENCE.finditer(markdown))
    )
    return PageText(title, markdown, outline, codes)


def told(diff: PageDiff) -> list[tuple[str, str]]:
    """Each section that differs: what happened to it, and where."""
    return [("+".join(s.changes), " > ".join(s.heading_path)) for s in diff.sections]


GUIDE = """\
# Guide
All about widgets, told at length for those who have never turned one.
## Install
Run the installer and answer its three questions, then restart.
## Configure
Set the size of the widget in the settings file before it is turned.
### Colours
A widget is red, green or blue, and nothing else at all.
## Remove
Unplug it and throw it away, but keep the screws.
"""

# --- sections ----------------------------------------------------------------------------------------------------


def test_a_page_against_itself_has_no_changes() -> None:
    diff = diff_pages(page(GUIDE), page(GUIDE))
    assert diff.is_empty
    assert (diff.sections_same, diff.lines_added, diff.lines_removed, diff.is_cut) == (5, 0, 0, False)


def test_a_changed_line_is_told_with_its_words_marked() -> None:
    new = GUIDE.replace("three questions", "seven hard questions")
    diff = diff_pages(page(GUIDE), page(new))
    assert told(diff) == [("changed", "Guide > Install")]
    (section,) = diff.sections
    assert section.old_heading_path is None
    removed, added = section.text.lines
    assert (removed.kind, removed.old_number, removed.new_number) == (LineKind.REMOVED, 1, None)
    assert (added.kind, added.old_number, added.new_number) == (LineKind.ADDED, None, 1)
    assert [removed.text[a:b] for a, b in removed.marks] == ["three"]
    assert [added.text[a:b] for a, b in added.marks] == ["seven hard"]
    assert (section.text.added, section.text.removed) == (1, 1)
    assert (diff.lines_added, diff.lines_removed, diff.sections_same) == (1, 1, 4)


def test_added_and_removed_sections_stand_where_they_are_or_were() -> None:
    new = GUIDE.replace(
        "## Remove\n", "## Upgrade\nFetch the new one and put it in the place of the old one.\n## Remove\n"
    )
    assert told(diff_pages(page(GUIDE), page(new))) == [("added", "Guide > Upgrade")]
    back = diff_pages(page(new), page(GUIDE))
    assert told(back) == [("removed", "Guide > Upgrade")]
    assert unified(back.sections[0].text) == "-Fetch the new one and put it in the place of the old one."


def test_a_renamed_section_is_known_by_its_text_and_its_children_stay_the_same() -> None:
    new = GUIDE.replace("## Configure", "## Settings")
    diff = diff_pages(page(GUIDE), page(new))
    assert told(diff) == [("renamed", "Guide > Settings")]
    assert diff.sections[0].old_heading_path == ("Guide", "Configure")
    assert diff.sections[0].text.lines == ()
    assert diff.sections_same == 4


def test_a_renamed_section_with_little_text_is_known_by_its_children() -> None:
    old = "# API\n## Old\n### first\nThe first function gives the number of all widgets there are.\n### second\nThe second"
    old += " function turns every one of them by ninety degrees.\n"
    diff = diff_pages(page(old), page(old.replace("## Old", "## New")))
    assert told(diff) == [("renamed", "API > New")]


def test_a_renamed_and_changed_section_is_known_by_its_anchor_or_by_its_words() -> None:
    text = "Set the size of the widget in the settings file before it is turned."
    anchored = GUIDE.replace("## Configure", "## Configure {#conf}")
    new = anchored.replace("## Configure", "## Setting up").replace(
        text, "Nothing of the old text is left here, not one."
    )
    assert told(diff_pages(page(anchored), page(new))) == [("renamed+changed", "Guide > Setting up")]
    new = GUIDE.replace("## Configure", "## Setting up").replace("before it is turned", "before you turn it")
    assert told(diff_pages(page(GUIDE), page(new))) == [("renamed+changed", "Guide > Setting up")]


def test_a_section_among_its_siblings_moved_is_told_once_and_not_with_its_children() -> None:
    install = GUIDE[GUIDE.index("## Install") : GUIDE.index("## Configure")]
    assert told(diff_pages(page(GUIDE), page(GUIDE.replace(install, "") + install))) == [("moved", "Guide > Install")]
    configure = GUIDE[GUIDE.index("## Configure") : GUIDE.index("## Remove")]
    more = "## Check\nSee that nothing in it is loose, and that it has its colour.\n"
    old = GUIDE + more
    assert told(diff_pages(page(old), page(old.replace(configure, "") + configure))) == [("moved", "Guide > Configure")]


def test_a_section_under_another_parent_has_moved() -> None:
    colours = GUIDE[GUIDE.index("### Colours") : GUIDE.index("## Remove")]
    new = GUIDE.replace(colours, "") + colours
    diff = diff_pages(page(GUIDE), page(new))
    assert told(diff) == [("moved", "Guide > Remove > Colours")]
    assert diff.sections[0].old_heading_path == ("Guide", "Configure", "Colours")


def test_equal_headings_are_told_apart_by_their_text() -> None:
    old = "# API\n" + "".join(f"## {n}\n### Parameters\nThe parameter of {n} is a number.\n" for n in "abc")
    new = old.replace("## b\n", "## b\n### Parameters\nA further one that is a text, and may be left out.\n")
    assert told(diff_pages(page(old), page(new))) == [("added", "API > b > Parameters")]


def test_blanks_around_lines_are_no_change() -> None:
    new = GUIDE.replace(".\n", ".  \n\n\n")
    assert len(new) > len(GUIDE)
    assert diff_pages(page(GUIDE), page(new)).is_empty


def test_a_new_title_is_a_change() -> None:
    diff = diff_pages(page(GUIDE, "Old"), page(GUIDE, "New"))
    assert (diff.title, diff.old_title, diff.sections, diff.is_empty) == ("New", "Old", (), False)


def test_a_page_that_came_and_one_that_went() -> None:
    came, went = diff_pages(NO_PAGE, page(GUIDE)), diff_pages(page(GUIDE), NO_PAGE)
    assert {change for s in came.sections for change in s.changes} == {SectionChange.ADDED}
    assert {change for s in went.sections for change in s.changes} == {SectionChange.REMOVED}
    assert [s.heading_path for s in came.sections] == [s.heading_path for s in went.sections]
    assert (came.lines_added, came.lines_removed, went.lines_added, went.lines_removed) == (5, 0, 0, 5)
    assert (came.title, came.old_title, went.title, went.old_title) == ("Guide", None, "Guide", None)


def test_text_before_the_first_heading_has_no_path() -> None:
    diff = diff_pages(page("one\n# A\nx\n"), page("two\n# A\nx\n"))
    assert told(diff) == [("changed", "")]


def test_an_outline_that_does_not_fit_does_no_harm() -> None:
    text = PageText(
        "", "some text\n", (Heading(2, "far", None, 900), Heading(0, "odd", None, 3), Heading(9, "", None, -1))
    )
    assert [section.path for section in cut_sections(text.markdown, text.outline)] == [(), ("odd",)]
    assert diff_pages(text, NO_PAGE).lines_removed == 1


# --- code examples -----------------------------------------------------------------------------------------------

CODE = """\
# Guide
## Turn
```python
widget = Widget()
widget.turn(90)
```
## Stop
```sh
widget stop --now
```
"""


def test_a_changed_code_example_has_both_versions() -> None:
    diff = diff_pages(page(CODE), page(CODE.replace("turn(90)", "turn(degrees=90)")))
    (code,) = diff.code_examples
    assert (code.change, code.heading_path, code.language) == (CodeChange.CHANGED, ("Guide", "Turn"), "python")
    assert (code.old_code, code.code) == (
        "widget = Widget()\nwidget.turn(90)\n",
        "widget = Widget()\nwidget.turn(degrees=90)\n",
    )
    assert unified(code.text) == " widget = Widget()\n-widget.turn(90)\n+widget.turn(degrees=90)"


def test_another_language_is_a_change() -> None:
    (code,) = diff_pages(page(CODE), page(CODE.replace("```sh", "```bash"))).code_examples
    assert (code.change, code.old_language, code.language) == (CodeChange.CHANGED, "sh", "bash")
    assert code.lines == ()


def test_examples_that_come_and_go() -> None:
    new = CODE.replace("widget stop --now\n", "echo done\n")
    found = [(c.change, c.code, c.old_code) for c in diff_pages(page(CODE), page(new)).code_examples]
    assert sorted(found) == [("added", "echo done\n", None), ("removed", None, "widget stop --now\n")]


def test_an_example_that_only_moved_is_no_change_of_code() -> None:
    turn = CODE[CODE.index("## Turn") : CODE.index("## Stop")]
    assert diff_pages(page(CODE), page(CODE.replace(turn, "") + turn)).code_examples == ()


def test_an_example_in_another_section_is_known_when_it_is_much_alike() -> None:
    old = CODE.replace("## Stop\n", "## Stop\nHow a widget is brought to a halt, told in so many words.\n")
    stop = "```sh\nwidget stop --now\n```\n"
    new = old.replace(stop, "").replace("## Turn\n", "## Turn\n```sh\nwidget stop --now --all\n```\n")
    (code,) = diff_pages(page(old), page(new)).code_examples
    assert (code.change, code.heading_path) == (CodeChange.CHANGED, ("Guide", "Turn"))


# --- lines and words ---------------------------------------------------------------------------------------------


def test_far_lines_are_left_out_and_shown_as_a_gap() -> None:
    old = [f"line {n}" for n in range(20)]
    new = [*old[:3], "other", *old[4:15], "more", *old[15:]]
    diff = diff_lines(old, new, Budget(), context=1)
    assert unified(diff) == " line 2\n-line 3\n+other\n line 4\n⋮\n line 14\n+more\n line 15"
    assert (diff.added, diff.removed) == (2, 1)


def test_a_diff_is_cut_and_still_counts_all() -> None:
    diff = diff_lines([], ["x" * 10] * 100, Budget(), max_chars=55)
    assert (len(diff.lines), diff.added, diff.is_cut) == (5, 100, True)
    assert unified(diff).endswith("\n⋮")


def test_words_of_a_script_without_blanks_are_its_characters() -> None:
    found = changed_words("今日は天気がいいです", "今日は天気が悪いです", Budget())
    assert found == (((6, 7),), ((6, 7),))


def test_lines_with_nothing_in_common_have_no_marks() -> None:
    assert changed_words("one two three four", "alpha beta gamma delta", Budget()) is None


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from("abcd"), max_size=25), st.lists(st.sampled_from("abcd"), max_size=25))
def test_as_many_items_are_the_same_as_there_can_be(old: list[str], new: list[str]) -> None:
    pairs = same_items(old, new, 100, Budget())
    assert pairs is not None
    assert all(old[i] == new[j] for i, j in pairs)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(pairs))
    rows = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, left in enumerate(old):
        for j, right in enumerate(new):
            rows[i + 1][j + 1] = rows[i][j] + 1 if left == right else max(rows[i][j + 1], rows[i + 1][j])
    assert len(pairs) == rows[-1][-1]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text("ab ", max_size=4), max_size=12), st.lists(st.text("ab ", max_size=4), max_size=12))
def test_a_diff_turns_the_old_lines_into_the_new(old: list[str], new: list[str]) -> None:
    diff = diff_lines(old, new, Budget(), context=50)
    if old == new:
        assert diff.lines == ()
        return
    assert _side(diff.lines, LineKind.ADDED) == old
    assert _side(diff.lines, LineKind.REMOVED) == new
    assert all(0 <= start < end <= len(line.text) for line in diff.lines for start, end in line.marks)


def _side(lines: tuple[DiffLine, ...], without: LineKind) -> list[str]:
    return [line.text for line in lines if line.kind is not without]


# --- hostile pages -----------------------------------------------------------------------------------------------

_RANDOM = random.Random(7)
HOSTILE = {
    "equal headings": ("# x\n" * 50_000, "# x\ny\n" * 50_000),
    "no lines in common": ("a\n" * 200_000, "b\n" * 200_000),
    "two lines in any order": tuple("\n".join(_RANDOM.choices("ab", k=100_000)) for _ in range(2)),
    "one endless line": ("word " * 200_000, "ward " * 200_000),
    "many sections of few words": tuple(
        "".join(f"## {mark}{n}\nthe same {n % 97} words in all of them {n * n % 89}\n" for n in range(3_000))
        for mark in "ab"
    ),
    "many examples": tuple("".join(f"```\nx = {n}{mark}\n```\n" for n in range(3_000)) for mark in "ab"),
    "examples without end": tuple("".join(f"```\n{mark}{n} {'y' * 30_000}\n```\n" for n in range(60)) for mark in "ab"),
    "deep": ("".join(f"{'#' * (1 + n % 6)} h{n}\ntext {n}\n" for n in range(3_000)), "# h1\n" + "###### h\n" * 3_000),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pages_take_no_more_than_a_moment(name: str) -> None:
    old, new = (page(text) for text in HOSTILE[name])
    started = time.process_time()
    diff = diff_pages(old, new)
    assert time.process_time() - started < 5.0
    texts = [part.text for part in diff.sections] + [part.text for part in diff.code_examples]
    shown = sum(len(line.text) for text in texts for line in text.lines)
    assert shown <= 200_000
    assert len(diff.sections) <= 500
    assert len(diff.code_examples) <= 1_000
    assert sum(len(code.code or "") + len(code.old_code or "") for code in diff.code_examples) <= 400_000
