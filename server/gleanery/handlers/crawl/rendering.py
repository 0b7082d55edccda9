"""How the pages of a crawl are got: over HTTP or by the browser. Learned per host from what rendering brings. Pure."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from gleanery.errors import InvalidInput
from gleanery.web.urls import host_key

LEARN_PAGES = 5
"""Rendered pages in a row with more text than their HTML has, after which a host's pages go straight to the browser."""
UNLEARN_PAGES = 3
"""Checks in a row that show that HTTP gives the same text, after which a host's pages are fetched over HTTP again."""
DISTRUST_PAGES = 3
"""Flagged pages in a row that rendering brought nothing for, after which only some flagged ones are rendered."""
DISTRUST_EVERY = 10
# Pages of a host between two checks: doubled each time, so that they are at most 2 % of its pages, and ever fewer.
FIRST_SAMPLE = 50
# A check in the browser's favour costs one request over HTTP, a five-hundredth of a rendered page: sooner, then as rare.
FIRST_CHECK = 20
SURE_AFTER = 6
"""Checks in a row that agree, after which a host is not checked any more."""

MIN_GAIN_CHARS = 200
MIN_GAIN_SHARE = 1.3
_MAX_HOSTS = 256
_MAX_LEARN_PAGES = 80


class RenderMode(StrEnum):
    """What was asked for: `auto` finds out, the others are orders."""

    AUTO = "auto"
    HTTP = "http"
    BROWSER = "browser"


class Way(StrEnum):
    """How a page is got."""

    HTTP = "http"
    BROWSER = "browser"


@dataclass(frozen=True, slots=True)
class Switch:
    """From now on the pages of `host` are got by `way`; `sentence` says it to people, with the reason."""

    host: str
    way: Way
    sentence: str


def is_gain(http_text: int, rendered_text: int) -> bool:
    """Whether rendering brought text that the HTML lacks (both in characters of main content), more than trimmings."""
    return rendered_text >= http_text + MIN_GAIN_CHARS and rendered_text >= MIN_GAIN_SHARE * http_text


@dataclass(slots=True)
class _Host:
    """What is known of one host. A check is a page that is got both ways though nothing demands it.

    `agreed` and `against` count outcomes in a row that speak for its way and against it, `vain` those of flagged pages
    that rendering brought nothing for. `follow_up` is how many pages are still rendered because a check found text that
    no sign had told of, `checks_out` how many checks have no outcome yet.
    """

    way: Way = Way.HTTP
    pages: int = 0
    next_check: int = FIRST_SAMPLE
    check_gap: int = FIRST_SAMPLE
    checks_out: int = 0
    agreed: int = 0
    against: int = 0
    vain: int = 0
    flagged: int = 0
    follow_up: int = 0
    learn_pages: int = LEARN_PAGES
    is_told: bool = False

    def go(self, way: Way, first_check: int) -> None:
        self.way = way
        self.pages = self.checks_out = self.agreed = self.against = self.vain = self.follow_up = 0
        self.next_check = self.check_gap = first_check

    def is_check_due(self) -> bool:
        """Whether this page is one; the gap to the next is then as long as the whole way was so far."""
        if self.agreed >= SURE_AFTER or self.pages < self.next_check:
            return False
        self.next_check = self.pages + self.check_gap
        self.check_gap *= 2
        self.checks_out += 1
        return True


class SiteRendering:
    """For one run of a crawl. The order of calls for each HTML page:

    `begins_in_browser(url)`: if true it is rendered, and that is all. Else it is fetched over HTTP and taken apart;
    `must_render(url, sign)` with what `rendering_sign` said then tells whether to render it as well; if it is,
    `outcome(…)` learns from both texts. The calls of several pages may mix. A page whose rendering failed is not told.

    Nothing is stored: after a restart every host is fetched over HTTP again, and one that needs the browser is known
    for it after LEARN_PAGES pages, which cost a request over HTTP more each. Raises InvalidInput for `browser` when
    there is none.
    """

    def __init__(self, mode: RenderMode | str, *, has_browser: bool) -> None:
        self._mode = RenderMode(mode)
        if self._mode is RenderMode.BROWSER and not has_browser:
            raise InvalidInput("render", "asks for a browser, and there is none on this machine")
        self._may_render = self._mode is RenderMode.AUTO and has_browser
        self._hosts: OrderedDict[str, _Host] = OrderedDict()

    def begins_in_browser(self, url: str) -> bool:
        """Whether the page at this href is rendered at once. False now and then for a host that needs it: a check."""
        if not self._may_render:
            return self._mode is RenderMode.BROWSER
        host = self._host(url)
        if host.way is Way.HTTP:
            return False
        host.pages += 1
        return not host.is_check_due()

    def must_render(self, url: str, sign: str | None) -> bool:
        """Whether the page that HTTP gave is to be rendered too: it is flagged with a sign, or it is a check."""
        if not self._may_render:
            return False
        host = self._host(url)
        if host.way is Way.BROWSER:
            return True
        host.pages += 1
        if sign is not None:
            host.flagged += 1
            return host.vain < DISTRUST_PAGES or host.flagged % DISTRUST_EVERY == 0
        if host.follow_up > 0:
            host.follow_up -= 1
            return True
        host.against = 0
        return host.is_check_due()

    def outcome(self, url: str, http_text: int, rendered_text: int, sign: str | None) -> Switch | None:
        """Learn from a page that was got both ways: its main content in characters, the sign `must_render` was told.

        The switch that follows from it, if any.
        """
        if not self._may_render:
            return None
        name, host = host_key(url), self._host(url)
        has_gain = is_gain(http_text, rendered_text)
        if host.way is Way.BROWSER:
            return self._checked_browser(name, host, has_gain)
        return self._gained(name, host, sign) if has_gain else self._gained_nothing(name, host, sign)

    def unmet(self, url: str, sign: str | None) -> str | None:
        """A sentence, once a host, for a page that has a sign and is not rendered because it may not or can't be."""
        if sign is None or self._may_render or self._mode is RenderMode.BROWSER:
            return None
        host = self._host(url)
        if host.is_told:
            return None
        host.is_told = True
        why = "it was told not to use a browser" if self._mode is RenderMode.HTTP else "there is no browser here"
        return f"{host_key(url)} needs a browser to show its text ({sign}), but {why}: its pages stay as their HTML is."

    def _checked_browser(self, name: str, host: _Host, has_gain: bool) -> Switch | None:
        if host.checks_out == 0:  # fetched before the switch: one of those that led to it
            return None
        host.checks_out -= 1
        if has_gain:
            host.agreed += 1
            host.against = 0
            return None
        host.agreed = 0
        host.against += 1
        if host.against < UNLEARN_PAGES:
            host.next_check = host.pages + 1
            return None
        # A host that is learnt and unlearnt is a mixed one: it takes longer each time.
        host.learn_pages = min(2 * host.learn_pages, _MAX_LEARN_PAGES)
        host.go(Way.HTTP, FIRST_SAMPLE)
        sentence = (
            f"{name} gives the same text without the browser ({UNLEARN_PAGES} of {UNLEARN_PAGES} checks): from here on "
            "its pages are fetched over HTTP."
        )
        return Switch(name, Way.HTTP, sentence)

    def _gained(self, name: str, host: _Host, sign: str | None) -> Switch | None:
        host.against += 1
        host.vain = host.agreed = 0
        if host.against < host.learn_pages:
            if sign is None:
                host.follow_up = host.learn_pages - host.against
            return None
        count = host.against
        host.go(Way.BROWSER, FIRST_CHECK)
        sentence = (
            f"{name} shows its text only in a browser ({count} of {count} pages): from here on its pages are rendered "
            "at once."
        )
        return Switch(name, Way.BROWSER, sentence)

    def _gained_nothing(self, name: str, host: _Host, sign: str | None) -> Switch | None:
        host.against = host.follow_up = 0
        if sign is None:
            host.agreed += 1
            return None
        host.vain += 1
        if host.vain != DISTRUST_PAGES:
            return None
        sentence = (
            f"{name} looks as if it needed a browser ({sign}), but rendering brought nothing ({DISTRUST_PAGES} of "
            f"{DISTRUST_PAGES} pages): from here on one such page in {DISTRUST_EVERY} is rendered."
        )
        return Switch(name, Way.HTTP, sentence)

    def _host(self, url: str) -> _Host:
        name = host_key(url)
        host = self._hosts.get(name)
        if host is None:
            host = self._hosts[name] = _Host()
            if len(self._hosts) > _MAX_HOSTS:
                self._hosts.popitem(last=False)
        else:
            self._hosts.move_to_end(name)
        return host
