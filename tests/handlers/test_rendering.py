"""How a crawl chooses between HTTP and the browser, and what it learns of a site."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from gleanery.errors import InvalidInput
from gleanery.handlers.crawl.rendering import SiteRendering, Switch, Way, is_gain

Texts = tuple[str | None, int, int]
"""What a page is: its sign, the characters of its HTML, and those when it is rendered."""
SHELL: Texts = ("app_shell", 0, 4_000)
STATIC: Texts = (None, 4_000, 4_050)
HIDDEN: Texts = (None, 800, 5_000)
"""Without a sign, and yet most of it is not in its HTML."""
SPARSE: Texts = ("little_text", 60, 90)


@dataclass(slots=True)
class Crawl:
    """Pages of one host after another: how often they were fetched, rendered, and what was said."""

    rendering: SiteRendering
    fetched: int = 0
    rendered: int = 0
    said: list[tuple[int, Switch]] = field(default_factory=list)
    lost: int = 0

    def run(self, pages: int, page: Callable[[int], Texts], host: str = "docs.test") -> Crawl:
        for number in range(1, pages + 1):
            self._get(number, f"https://{host}/{number}", page(number))
        return self

    def _get(self, number: int, url: str, texts: Texts) -> None:
        sign, http_text, rendered_text = texts
        if self.rendering.begins_in_browser(url):
            self.rendered += 1
            return
        self.fetched += 1
        if not self.rendering.must_render(url, sign):
            self.lost += is_gain(http_text, rendered_text)
            return
        self.rendered += 1
        switch = self.rendering.outcome(url, http_text, rendered_text, sign)
        if switch is not None:
            self.said.append((number, switch))


def auto() -> Crawl:
    return Crawl(SiteRendering("auto", has_browser=True))


def always(texts: Texts) -> Callable[[int], Texts]:
    return lambda number: texts


def test_a_static_site_stays_on_http() -> None:
    crawl = auto().run(20_000, always(STATIC))
    assert (crawl.fetched, crawl.rendered, crawl.said) == (20_000, 6, [])


@pytest.mark.parametrize(("pages", "samples"), [(49, 0), (50, 1), (100, 2), (199, 2), (1_000, 5)])
def test_samples_are_two_percent_at_most(pages: int, samples: int) -> None:
    assert auto().run(pages, always(STATIC)).rendered == samples


def test_a_site_of_shells_goes_to_the_browser_after_five_pages() -> None:
    crawl = auto().run(1_000, always(SHELL))
    assert crawl.said == [
        (
            5,
            Switch(
                "docs.test",
                Way.BROWSER,
                "docs.test shows its text only in a browser (5 of 5 pages): from here on its pages are rendered at once.",
            ),
        )
    ]
    # Every page is rendered, and HTTP is asked five times to learn and six times to check.
    assert (crawl.rendered, crawl.fetched, crawl.lost) == (1_000, 11, 0)


def test_a_mixed_site_is_decided_page_by_page() -> None:
    crawl = auto().run(1_000, lambda number: SHELL if number % 3 == 0 else STATIC)
    assert (crawl.fetched, crawl.lost, crawl.said) == (1_000, 0, [])
    assert 333 <= crawl.rendered <= 339


def test_what_no_sign_tells_is_found_by_sampling() -> None:
    crawl = auto().run(1_000, always(HIDDEN))
    # The 50th page is the first sample; the four after it confirm what it shows.
    assert [(number, switch.way) for number, switch in crawl.said] == [(54, Way.BROWSER)]
    assert crawl.lost == 49


def test_one_odd_sample_changes_nothing() -> None:
    crawl = auto().run(1_000, lambda number: HIDDEN if number == 50 else STATIC)
    assert crawl.said == []
    assert crawl.rendered <= 8


def test_a_site_that_no_longer_needs_the_browser_is_fetched_again() -> None:
    crawl = auto().run(200, lambda number: SHELL if number <= 15 else STATIC)
    assert [(number, switch.way) for number, switch in crawl.said] == [(5, Way.BROWSER), (27, Way.HTTP)]
    assert crawl.said[1][1].sentence == (
        "docs.test gives the same text without the browser (3 of 3 checks): from here on its pages are fetched over HTTP."
    )
    assert crawl.rendered < 32


def test_a_site_that_keeps_changing_is_believed_less_each_time() -> None:
    crawl = auto().run(2_000, lambda number: SHELL if number % 60 < 30 else STATIC)
    ways = [switch.way for _, switch in crawl.said]
    assert ways[:4] == [Way.BROWSER, Way.HTTP, Way.BROWSER, Way.HTTP]
    assert len(ways) <= 8
    assert crawl.lost == 0


def test_signs_that_prove_wrong_are_trusted_less() -> None:
    crawl = auto().run(1_000, always(SPARSE))
    assert crawl.said[0] == (
        3,
        Switch(
            "docs.test",
            Way.HTTP,
            "docs.test looks as if it needed a browser (little_text), but rendering brought nothing (3 of 3 pages): from "
            "here on one such page in 10 is rendered.",
        ),
    )
    assert len(crawl.said) == 1
    assert crawl.rendered == 103


def test_a_sign_that_proves_right_again_is_trusted_again() -> None:
    crawl = auto().run(200, lambda number: SPARSE if number <= 20 else SHELL)
    assert crawl.said[-1][1].way is Way.BROWSER
    assert crawl.lost < 10


def test_hosts_are_learnt_apart() -> None:
    crawl = auto().run(10, always(SHELL), "app.test").run(10, always(STATIC), "docs.test")
    assert [switch.host for _, switch in crawl.said] == ["app.test"]
    assert (crawl.fetched, crawl.rendered) == (15, 10)


def test_pages_that_are_under_way_at_a_switch_are_rendered_and_prove_nothing() -> None:
    rendering = SiteRendering("auto", has_browser=True)
    urls = [f"https://docs.test/{number}" for number in range(20)]
    assert not any(rendering.begins_in_browser(url) for url in urls)
    assert all(rendering.must_render(url, "app_shell") for url in urls[:15])
    switches = [rendering.outcome(url, 0, 4_000, "app_shell") for url in urls[:15]]
    assert [switch is not None for switch in switches] == [False] * 4 + [True] + [False] * 10
    # Also those that were still fetched then, flagged or not; and none of them counts as a check.
    assert all(rendering.must_render(url, None) for url in urls[15:])
    assert [rendering.outcome(url, 4_000, 4_000, None) for url in urls[15:]] == [None] * 5
    assert rendering.begins_in_browser(urls[0])


def test_a_crawl_that_is_started_again_learns_again() -> None:
    first, second = auto().run(100, always(SHELL)), auto().run(100, always(SHELL))
    assert (first.fetched, first.rendered, first.said) == (second.fetched, second.rendered, second.said)


def test_what_was_ordered_is_done() -> None:
    http = Crawl(SiteRendering("http", has_browser=True)).run(100, always(SHELL))
    assert (http.fetched, http.rendered) == (100, 0)
    browser = Crawl(SiteRendering("browser", has_browser=True)).run(100, always(STATIC))
    assert (browser.fetched, browser.rendered) == (0, 100)
    without = Crawl(SiteRendering("auto", has_browser=False)).run(100, always(SHELL))
    assert (without.fetched, without.rendered) == (100, 0)
    assert http.rendering.outcome("https://docs.test/", 0, 4_000, "app_shell") is None


def test_a_browser_that_is_not_there_can_not_be_ordered() -> None:
    with pytest.raises(InvalidInput) as caught:
        SiteRendering("browser", has_browser=False)
    assert caught.value.message == "render: asks for a browser, and there is none on this machine"


def test_what_can_not_be_rendered_is_said_once_a_host() -> None:
    rendering = SiteRendering("auto", has_browser=False)
    assert rendering.unmet("https://docs.test/1", None) is None
    assert rendering.unmet("https://docs.test/2", "app_shell") == (
        "docs.test needs a browser to show its text (app_shell), but there is no browser here: its pages stay as their "
        "HTML is."
    )
    assert rendering.unmet("https://docs.test/3", "app_shell") is None
    told = SiteRendering("http", has_browser=True).unmet("https://docs.test/", "noscript")
    assert told is not None
    assert "it was told not to use a browser" in told
    assert SiteRendering("auto", has_browser=True).unmet("https://docs.test/", "noscript") is None


def test_hosts_without_end_are_forgotten() -> None:
    rendering = SiteRendering("auto", has_browser=True)
    crawl = Crawl(rendering).run(10, always(SHELL), "first.test")
    for number in range(300):
        rendering.must_render(f"https://h{number}.test/", None)
    assert not rendering.begins_in_browser("https://first.test/")
    assert crawl.rendered == 10


@pytest.mark.parametrize(
    ("http_text", "rendered_text", "expected"),
    [
        (0, 199, False),
        (0, 200, True),
        (1_000, 1_250, False),
        (1_000, 1_300, True),
        (5_000, 5_400, False),
        (900, 0, False),
    ],
)
def test_gain(http_text: int, rendered_text: int, expected: bool) -> None:
    assert is_gain(http_text, rendered_text) is expected
