"""What a crawl brings as a whole: when most of it is nothing new, links are followed only from what is."""

from __future__ import annotations

from gleanery.web.scope import Refusal
from gleanery.web.traps import TrapLimits, TrapWatch

LIMITS = TrapLimits(barren=30, per_new=5)


def told(watch: TrapWatch, *outcomes: bool, name: str = "p") -> TrapWatch:
    """Pages under names that have no pattern, with whether they were new."""
    for number, is_new in enumerate(outcomes):
        watch.outcome(f"http://h/{name}{'x' * number}", is_new_content=is_new)
    return watch


def test_a_crawl_is_barren_after_so_many_that_brought_nothing() -> None:
    watch = told(TrapWatch(LIMITS), *[False] * 29)
    assert not watch.is_barren
    assert told(watch, False).is_barren


def test_each_new_page_pays_for_some_that_are_not() -> None:
    watch = told(TrapWatch(LIMITS), *([True] + [False] * 5) * 50)
    assert not watch.is_barren
    assert told(watch, *([True] + [False] * 8) * 50).is_barren


def test_a_large_crawl_may_bring_more_that_is_not_new() -> None:
    watch = told(TrapWatch(LIMITS), *[True] * 200, *[False] * 49)
    assert not watch.is_barren
    assert told(watch, False).is_barren


def test_what_is_new_soon_makes_good_however_much_was_not() -> None:
    watch = told(TrapWatch(LIMITS), *[False] * 10_000)
    assert not told(watch, *[True] * 14).is_barren


def test_what_waits_is_left_only_where_it_was_found_on_a_page_that_brought_nothing() -> None:
    watch = told(TrapWatch(LIMITS), *[False] * 30)
    assert watch.recheck("http://h/a", "http://h/p") is None
    told(watch, *[False] * 30, name="q")
    assert watch.recheck("http://h/a", "http://h/p") is Refusal.NOTHING_NEW
    assert watch.recheck("http://h/a", "http://h/real") is None
    assert watch.recheck("http://h/a", None) is None


def test_a_crawl_that_goes_on_knows_it() -> None:
    rows: list[tuple[str, int, bool | None]] = [(f"http://h/p{'x' * number}", 2, False) for number in range(60)]
    watch = TrapWatch.of([*rows, ("http://h/waits", 2, None)], LIMITS)
    assert watch.is_barren
    assert watch.recheck("http://h/waits", "http://h/p") is Refusal.NOTHING_NEW
