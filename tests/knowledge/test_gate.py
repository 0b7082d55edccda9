"""What the gate refuses and what it lets through: emptied, failing, collapsed and worse sources, and false alarms of each."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gleanery.knowledge.evaluation import mean
from gleanery.knowledge.gate import (
    BuildFigures,
    GatePolicy,
    Verdict,
    chance_of,
    figures_from,
    figures_of,
    judge_generation,
)
from gleanery.model import CrawlCounts
from gleanery.store.saved_queries import Figures, QueryResult

POLICY = GatePolicy()
HEALTHY = BuildFigures(pages=500, chars=2_000_000, asked=520, gone=5, failed=3, alike=12, scope="a")
SMALL = BuildFigures(pages=3, chars=9_000, asked=3, scope="a")


def judged(before: BuildFigures | None, after: BuildFigures, refused: Sequence[BuildFigures] = ()) -> Verdict:
    return judge_generation(before, after, POLICY, refused=refused)


PASSING = {
    "nothing changed": (HEALTHY, HEALTHY),
    "the first one, however poor": (None, replace(HEALTHY, pages=0, failed=500)),
    "it grew": (HEALTHY, replace(HEALTHY, pages=5_000, asked=5_200, chars=20_000_000)),
    "a third of the docs went": (HEALTHY, replace(HEALTHY, pages=340, gone=160, chars=1_400_000)),
    "exactly half is left": (HEALTHY, replace(HEALTHY, pages=250)),
    "three pages became two": (SMALL, replace(SMALL, pages=2, asked=3, gone=1)),
    "one page stays one page": (replace(SMALL, pages=1), replace(SMALL, pages=1)),
    "a long manual was cut into many short pages": (
        BuildFigures(pages=1, chars=900_000, asked=1),
        BuildFigures(pages=120, chars=950_000, asked=120),
    ),
    "a site with many twins has them still": (
        replace(HEALTHY, asked=1_000, alike=450),
        replace(HEALTHY, asked=1_000, alike=480),
    ),
    "a few more failures than before": (HEALTHY, replace(HEALTHY, failed=40)),
    "always a third fails": (replace(HEALTHY, failed=180), replace(HEALTHY, failed=200)),
    "everything moved to another host": (HEALTHY, replace(HEALTHY, alike=20)),
    "there was time for a tenth of it": (HEALTHY, replace(HEALTHY, pages=50, chars=200_000, asked=52, unseen=450)),
    "a source that was empty has pages": (replace(HEALTHY, pages=0, chars=0), HEALTHY),
}


@pytest.mark.parametrize("name", PASSING)
def test_passes(name: str) -> None:
    verdict = judged(*PASSING[name])
    assert verdict == Verdict(True, (), ())


REFUSED = {
    "emptied": (HEALTHY, replace(HEALTHY, pages=0, chars=0), "has none of the 500 pages"),
    "a small one emptied": (SMALL, replace(SMALL, pages=0, asked=1, failed=1), "has none of the 3 pages"),
    "shrunk": (HEALTHY, replace(HEALTHY, pages=40), "has 40 pages where there were 500 (8%; at least 50% are wanted)"),
    "shrunk to one": (replace(HEALTHY, pages=8), replace(HEALTHY, pages=1), "has 1 page where there were 8 (12%"),
    "mostly errors": (HEALTHY, replace(HEALTHY, pages=300, failed=300), "300 of 520 URLs failed (58%; more than 50%"),
    "all of a small one failed": (SMALL, replace(SMALL, failed=3, pages=3), "3 of 3 URLs failed (100%"),
    "far more errors than ever": (HEALTHY, replace(HEALTHY, failed=150), "150 of 520 URLs failed (29%; 1% the time"),
    "a login wall": (HEALTHY, replace(HEALTHY, alike=250), "250 of 520 URLs (48%) gave the same page as another"),
    "empty shells": (
        HEALTHY,
        replace(HEALTHY, chars=90_000),
        "hold 90,000 characters where 2,000,000 were to be expected (4%)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_is_refused(name: str) -> None:
    before, after, said = REFUSED[name]
    verdict = judge_generation(before, after, POLICY)
    assert not verdict.is_passed
    assert any(said in reason for reason in verdict.reasons), verdict.reasons


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_forced_passes_with_the_reasons_as_warnings(name: str) -> None:
    before, after, said = REFUSED[name]
    verdict = judge_generation(before, after, POLICY, is_forced=True)
    assert (verdict.is_passed, verdict.reasons) == (True, ())
    assert any(said in warning and "because that was asked for" in warning for warning in verdict.warnings)


def test_without_a_crawl_to_compare_with_only_the_pages_count() -> None:
    imported = BuildFigures(pages=500, chars=2_000_000, scope="a")
    for after in (replace(HEALTHY, alike=250), replace(HEALTHY, failed=150)):
        verdict = judged(imported, after)
        assert verdict.is_passed
        assert len(verdict.warnings) == 1
    assert not judged(imported, replace(HEALTHY, pages=40)).is_passed
    assert not judged(imported, replace(HEALTHY, failed=400)).is_passed


def test_small_losses_of_small_sources_are_warned_of() -> None:
    verdict = judged(SMALL, replace(SMALL, pages=1))
    assert verdict.is_passed
    assert verdict.warnings == ("The new state has 1 page where there were 3 (33%; at least 50% are wanted).",)


@pytest.mark.parametrize("pages", [2, 3, 4])
def test_one_page_of_a_small_source_that_failed_is_warned_of(pages: int) -> None:
    before = BuildFigures(pages=pages, chars=3_000, asked=pages)
    verdict = judged(before, replace(before, pages=pages - 1, chars=2_000, failed=1))
    assert verdict.is_passed
    assert len(verdict.warnings) == (pages < 4)


def test_other_options_of_the_crawl_may_make_it_smaller_but_not_empty() -> None:
    assert judged(HEALTHY, replace(HEALTHY, pages=40, scope="b")).is_passed
    assert not judged(HEALTHY, replace(HEALTHY, pages=0, scope="b")).is_passed
    assert not judged(HEALTHY, replace(HEALTHY, failed=400, scope="b")).is_passed


def test_what_is_the_same_for_three_refreshes_is_how_the_site_is() -> None:
    small = replace(HEALTHY, pages=120)
    assert not judged(HEALTHY, small, [small]).is_passed
    verdict = judged(HEALTHY, small, [replace(small, pages=121), replace(small, pages=118)])
    assert verdict.is_passed
    assert "because 3 refreshes in a row found the site like that" in verdict.warnings[0]


def test_patience_ends_with_another_shape_and_never_covers_next_to_nothing() -> None:
    small = replace(HEALTHY, pages=120)
    assert not judged(HEALTHY, small, [small, replace(HEALTHY, pages=3), small]).is_passed
    tiny = replace(HEALTHY, pages=3)
    assert not judged(HEALTHY, tiny, [tiny] * 9).is_passed
    walled = replace(HEALTHY, alike=400)
    assert not judged(HEALTHY, walled, [walled] * 9).is_passed


def test_figures_of_a_crawl() -> None:
    reasons = {
        "http_404": 4,
        "http_410": 1,
        "timed_out": 3,
        "same_content": 7,
        "soft_404": 2,
        "duplicate": 1,
        "noindex": 2,
        "time_limit": 27,
        "page_limit": 1,
    }
    counts = CrawlCounts(0, 90, 40, 8, 28, 90, 300, 20, reasons)
    figures = figures_of(counts, 95, 4_000, "x")
    assert figures == BuildFigures(pages=95, chars=4_000, asked=110, gone=5, failed=3, alike=10, unseen=28, scope="x")
    assert figures_from(figures.as_json()) == figures
    assert figures_from({"pages": 3}) is None


# --- saved queries -----------------------------------------------------------------------------------------------


def ran(*ranks: int | None, unknown: tuple[str, ...] = ()) -> Figures:
    return mean(
        QueryResult(
            f"sq_{n}", f"query {n}", ("/a",), r, float(r is not None and r <= 5), float(r is not None), (), unknown
        )
        for n, r in enumerate(ranks)
    )


def asked(before: Figures, after: Figures) -> Verdict:
    return judge_generation(HEALTHY, HEALTHY, POLICY, queries=(before, after))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ran(), ran()),
        (ran(1), ran(3)),
        (ran(1, 2, 3), ran(2, 2, 2)),
        (ran(1, 1, None), ran(1, 4, 2)),
        (ran(*[1] * 20), ran(*[1] * 17, 2, 2, 3)),
        (ran(*[1] * 5), ran(1, 1, 1, 2, 3)),
        (ran(*range(1, 11)), ran(*range(10, 0, -1))),
    ],
)
def test_queries_that_are_as_good_or_differ_by_noise_pass(before: Figures, after: Figures) -> None:
    assert asked(before, after) == Verdict(True, (), ())


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (ran(1), ran(None), "1 of 1 saved queries don't find their page any more: “query 0”."),
        (ran(1, 1, 2), ran(None, None, 2), "2 of 3 saved queries don't find"),
        (ran(*[1] * 5), ran(*[3] * 5), "Over 5 saved queries MRR fell from 1.000 to 0.333"),
        (ran(*[1] * 40), ran(*[1] * 30, *[8] * 10), "MRR fell from 1.000 to 0.781, recall@5 fell from 1.000 to 0.750"),
    ],
)
def test_queries_that_are_clearly_worse_are_refused(before: Figures, after: Figures, said: str) -> None:
    verdict = asked(before, after)
    assert not verdict.is_passed
    assert said in verdict.reasons[0]


def test_a_lost_query_among_several_is_warned_of() -> None:
    verdict = asked(ran(1, 1, 1, 1), ran(1, 1, 1, None, unknown=("/a",)))
    assert verdict.is_passed
    assert verdict.warnings == (
        "1 of 4 saved queries lost their page: “query 3” (1 of them expect a page that the source doesn't have any more).",
    )


def test_queries_whose_pages_are_gone_for_good_are_no_obstacle_forever() -> None:
    before = ran(1, 1)
    for after, is_passed in ((ran(None, None, unknown=("/a",)), True), (ran(None, None), False)):
        verdict = judge_generation(HEALTHY, HEALTHY, POLICY, queries=(before, after), refused=[HEALTHY, HEALTHY])
        assert verdict.is_passed is is_passed
        assert not judge_generation(HEALTHY, HEALTHY, POLICY, queries=(before, after), refused=[HEALTHY]).is_passed


def test_queries_that_could_not_be_run_or_are_new_are_no_loss() -> None:
    before = ran(1, 1, 1)
    broken = mean(
        replace(result, rank=None, recall_at_5=0.0, recall_at_10=0.0, error="No.") for result in before.results
    )
    assert asked(before, broken) == Verdict(True, (), ())
    assert asked(ran(), ran(None, None)) == Verdict(True, (), ())


def test_the_chance_of_a_drop() -> None:
    assert chance_of([1.0] * 5) == 1 / 32
    assert chance_of([1.0, -1.0]) == 0.75
    assert chance_of([]) == 1.0
    assert chance_of([1.0] * 14) == pytest.approx(1 / 2**14)
    assert chance_of([1.0] * 15) < 0.001


def test_noise_is_hardly_ever_taken_for_a_loss() -> None:
    """Ranks that are drawn anew for both sides: at most about one in twenty looks worse by chance."""
    rng = random.Random(11)
    refused = 0
    for _ in range(200):
        first, second = (ran(*(rng.choice((1, 1, 2, 3, 5, None)) for _ in range(12))) for _ in range(2))
        refused += not asked(first, second).is_passed
    assert refused <= 200 * 0.08
