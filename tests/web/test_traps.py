"""Traps: URLs that a site could go on making forever are refused after a while, those of documentation never are."""

from __future__ import annotations

import tracemalloc
from collections import Counter, deque
from collections.abc import Callable, Iterable
from itertools import product

import pytest

from gleanery.web.scope import Refusal
from gleanery.web.traps import TrapLimits, TrapWatch
from gleanery.web.urls import resolve, url_key


def ask(watch: TrapWatch, urls: Iterable[str], depth: int = 2) -> Counter[Refusal | None]:
    return Counter(watch.refusal(url, depth) for url in urls)


def crawl(
    start: str, links: Callable[[str], Iterable[str]], *, content: Callable[[str], object], most: int
) -> list[str]:
    """The URLs that a crawl of a made-up site fetches, breadth first, at most `most`."""
    watch, stored, seen, fetched = TrapWatch(), set[object](), {url_key(start)}, list[str]()
    waiting = deque([(start, 0)])
    while waiting and len(fetched) < most:
        url, depth = waiting.popleft()
        if watch.recheck(url) is not None:
            continue
        fetched.append(url)
        watch.outcome(url, is_new_content=content(url) not in stored)
        stored.add(content(url))
        for link in links(url):
            target = resolve(url, link)
            if target is None or url_key(target) in seen:
                continue
            seen.add(url_key(target))
            if watch.refusal(target, depth + 1) is None:
                waiting.append((target, depth + 1))
    return fetched


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/a/b/a/b/a/b", "repeating_path"),
        ("/x/x/x/x/x", "repeating_path"),
        ("/en/a/x/a/y/a/x/a/y/z", "repeating_path"),
        ("/a/b/a/b/c", None),
        ("/1/0/0/0/0/0/x", None),
        ("/java.desktop/javax/swing/plaf/basic/class-use/BasicArrowButton.html", None),
        ("/docs/packages/docs/src/docs/guide", None),
        ("/" + "a/b1/" * 16 + "c", "url_too_long"),
        ("/" + "a" * 2048, "url_too_long"),
        ("/a?" + "&".join(f"p{n}=1" for n in range(21)), "url_too_long"),
        ("/a?x=1&y=2&x=1&x=1", "endless_query"),
        ("/a?x=1&x=2&x=3", None),
    ],
)
def test_by_its_look(path: str, refusal: str | None) -> None:
    assert TrapWatch().refusal(f"http://h{path}", 2) == refusal


def test_what_the_start_page_links_to_is_not_judged_by_its_look() -> None:
    assert TrapWatch().refusal("http://h/a/b/a/b/a/b", 1) is None


def test_a_circle_of_relative_links_comes_to_an_end() -> None:
    """A server that answers every path with the same page, whose links are relative: 10! ways to combine them."""
    pages = [f"{name}/page.html" for name in "abcdefghij"]
    fetched = crawl("http://h/", lambda _: pages, content=lambda _: "the same", most=5_000)
    assert len(fetched) < 500


def test_a_calendar_is_left_after_some_turns_of_its_pages() -> None:
    def next_month(url: str) -> list[str]:
        year, month = (int(part) for part in url.removesuffix("/").split("/")[-2:]) if "/cal/" in url else (2024, 5)
        return [f"/cal/{year + month // 12}/{month % 12 + 1:02}/"]

    fetched = crawl("http://h/", next_month, content=lambda url: url, most=5_000)
    assert len(fetched) == 1 + 3 + TrapLimits().max_calendar_steps


@pytest.mark.parametrize(
    "form", ["/day/{}-{:02}-{:02}", "/cal/{}/{}/{}/", "/cal?date={}-{:02}-{:02}", "/c?d={}{:02}{:02}"]
)
def test_dates_of_one_calendar_have_a_budget(form: str) -> None:
    dates = [
        form.format(year, month, day) for year, month, day in product(range(2020, 2024), range(1, 13), range(1, 29))
    ]
    seen = ask(TrapWatch(), (f"http://h{date}" for date in dates))
    assert seen == {None: 366, Refusal.CALENDAR: len(dates) - 366}


def test_dates_in_parameters_of_their_own_only_combine_what_was_seen() -> None:
    urls = [f"http://h/cal?year={n // 336 + 2020}&month={n // 28 % 12 + 1}&day={n % 28 + 1}" for n in range(1_000)]
    seen = ask(TrapWatch(), urls)
    assert set(seen) <= {None, Refusal.CALENDAR, Refusal.ENDLESS_QUERY}
    assert seen[None] < 200


def test_what_is_filed_under_its_date_is_no_calendar() -> None:
    watch = TrapWatch()
    posts = [f"http://h/{2000 + n // 300}/{n % 12 + 1:02}/{n % 28 + 1:02}/post-{n}" for n in range(3_000)]
    assert ask(watch, posts) == {None: 3_000}
    changes = [f"http://h/changelog/20{n // 12 + 10}-{n % 12 + 1:02}-01" for n in range(120)]
    assert ask(watch, changes) == {None: 120}


def test_filters_that_only_combine_what_was_seen_are_refused() -> None:
    choices = ["", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
    urls = [f"http://h/shop?color={a}&size={b}&brand={c}&sort={d}" for a, b, c, d in product(choices, repeat=4)]
    seen = ask(TrapWatch(), urls)
    assert set(seen) == {None, Refusal.ENDLESS_QUERY}
    assert seen[None] < 200


def test_a_wiki_behind_one_script_is_taken() -> None:
    urls = [f"http://h/doku.php?id=page_{name}" for name in range(15_000)]
    urls += [f"http://h/viewtopic.php?f={n % 20}&t={n}&start={start}" for n in range(2_000) for start in (0, 15)]
    assert ask(TrapWatch(), urls) == {None: 19_000}


def test_a_long_listing_is_taken_up_to_a_budget() -> None:
    urls = [f"http://h/page/{n}" for n in range(12_000)]
    assert ask(TrapWatch(), urls) == {None: 12_000}
    assert ask(TrapWatch(TrapLimits(max_alike=10_000)), urls) == {None: 10_000, Refusal.TOO_MANY_ALIKE: 2_000}


def test_a_pattern_that_brings_nothing_new_is_cut() -> None:
    watch = TrapWatch()
    for n in range(30):
        assert watch.refusal(f"http://h/soft/{n}", 2) is None
        watch.outcome(f"http://h/soft/{n}", is_new_content=False)
    assert watch.refusal("http://h/soft/31", 2) == "nothing_new"
    assert watch.refusal("http://h/other/31", 2) is None


def test_a_parameter_that_brings_nothing_new_is_cut_on_every_path() -> None:
    watch = TrapWatch()
    for n in range(30):
        watch.outcome(f"http://h/page-{'x' * n}?highlight=word", is_new_content=False)
    assert watch.refusal("http://h/another?highlight=thing", 2) == "nothing_new"
    assert watch.refusal("http://h/another?page=2", 2) is None


def test_a_pattern_that_brought_much_may_disappoint_for_longer() -> None:
    watch = TrapWatch()
    watch.refusal("http://h/a/0", 2)
    for n in range(200):
        watch.outcome(f"http://h/a/{n}", is_new_content=True)
    for n in range(49):
        watch.outcome(f"http://h/a/{n}", is_new_content=False)
    assert watch.refusal("http://h/a/999", 2) is None
    watch.outcome("http://h/a/999", is_new_content=False)
    assert watch.refusal("http://h/a/1000", 2) == "nothing_new"


def test_sessions_in_the_path_are_cut() -> None:
    """Each page's links carry a token of their own, and the pages are the same under each."""

    def links(url: str) -> list[str]:
        token = f"{abs(hash(url)) % 16**15 + 16**15:016x}"
        return [f"/s/{token[:8]}a1{token[8:]}/{page}" for page in ("a", "b", "c", "d")]

    fetched = crawl("http://h/", links, content=lambda url: url.rpartition("/")[2], most=5_000)
    assert {url.rpartition("/")[2] for url in fetched} == {"", "a", "b", "c", "d"}
    assert len(fetched) < 30


def test_a_token_that_names_a_page_is_no_session() -> None:
    urls = [f"http://h/article/{n:08x}-0000-4000-8000-{n:012x}" for n in range(500)]
    urls += [f"http://h/commit/{n:040x}/" for n in range(16**15, 16**15 + 500)]
    assert ask(TrapWatch(), urls) == {None: 1_000}


def test_a_watch_made_from_the_frontier_decides_as_the_one_before() -> None:
    urls = [f"http://h/shop?color={n % 7}&size={n % 11}&sort={n % 5}" for n in range(385)]
    urls += [f"http://h/x/{n}" for n in range(50)] + [f"http://h/cal/2024/{n % 12 + 1:02}/" for n in range(12)]
    before, taken = TrapWatch(), list[tuple[str, int, bool | None]]()
    for url in urls[::2]:
        if before.refusal(url, 3) is None:
            is_new = None if "cal" in url else "/x/" not in url
            if is_new is not None:
                before.outcome(url, is_new_content=is_new)
            taken.append((url, 3, is_new))
    after = TrapWatch.of(taken)
    decisions = [before.refusal(url, 3) for url in urls[1::2]]
    assert decisions == [after.refusal(url, 3) for url in urls[1::2]]
    assert len(set(decisions)) > 1


def test_memory_is_bounded() -> None:
    watch = TrapWatch(TrapLimits(max_tallies=1_000))
    tracemalloc.start()
    try:
        for n in range(20_000):
            watch.refusal(f"http://h/{'x' * (n % 40)}{n}/{n}/a{n % 977}?p{n}=1", 2)
            watch.outcome(f"http://h/{n}/b/c{n}", is_new_content=False)
        size, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size < 1_000_000
