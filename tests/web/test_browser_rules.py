"""The browser's decisions, without a browser: which program, with which flags, when to start it, what an error means."""

from __future__ import annotations

from pathlib import Path

import pytest

from gleanery import errors
from gleanery.web.browser.binary import browser_environment, find_browser, flags, unwrapped
from gleanery.web.browser.failures import egress_error, page_error, shown_error, status_error
from gleanery.web.browser.launch import LaunchGate
from gleanery.web.browser.supervisor import BrowserLimits
from gleanery.web.browser.tree import TreeSample, Verdict, judge
from gleanery.web.browser.visit import Answer, Visit
from gleanery.web.egress_message import EgressReason

URL = "https://docs.example.org/guide/"


def program(path: Path, text: str = "\x7fELF") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def test_the_named_browser_is_used_or_none(tmp_path: Path) -> None:
    named = program(tmp_path / "chrome")
    other = program(tmp_path / "bin" / "chromium")
    env = {"PATH": str(other.parent), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "none")}
    assert find_browser(named, env) == named
    assert find_browser(tmp_path / "missing", env) is None
    assert find_browser(tmp_path, env) is None
    assert find_browser(None, env) == other


def test_the_headless_shell_comes_first_and_a_download_last(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path / "bin"), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "ms")}
    assert find_browser(None, env) is None
    download = program(tmp_path / "ms/chromium_headless_shell-1200/chrome-linux/headless_shell")
    assert find_browser(None, env) == download
    program(tmp_path / "bin/chromium")
    shell = program(tmp_path / "bin/chromium-headless-shell")
    assert find_browser(None, env) == shell


@pytest.mark.parametrize("line", ['{} "$@"', 'exec {} "$@"', 'exec "{}" "$@"'])
def test_a_wrapper_is_looked_through(tmp_path: Path, line: str) -> None:
    behind = program(tmp_path / "lib/chromium")
    assert unwrapped(program(tmp_path / "wrapper", f"#!/bin/sh -e\n\n{line.format(behind)}\n")) == behind


def test_a_wrapper_that_says_nothing_is_taken_as_it_is(tmp_path: Path) -> None:
    wrapper = program(tmp_path / "wrapper", '#!/bin/sh\nexec $DIR/$APP "$@"\n')
    assert unwrapped(wrapper) == wrapper
    missing = program(tmp_path / "other", '#!/bin/sh\n/no/such/program "$@"\n')
    assert unwrapped(missing) == missing


def test_the_network_is_the_proxy_and_media_are_left_out_unless_wanted() -> None:
    plain = flags(4711, loads_media=False)
    assert "--proxy-server=http://127.0.0.1:4711" in plain
    assert "--proxy-bypass-list=<-loopback>" in plain
    assert "--blink-settings=imagesEnabled=false" in plain
    assert "--blink-settings=imagesEnabled=false" not in flags(4711, loads_media=True)
    assert not [flag for flag in plain if flag.startswith("--disable-features")]  # Chromium heeds only the last


def test_the_browser_gets_no_secrets(tmp_path: Path) -> None:
    env = {"PATH": "/bin", "OPENAI_API_KEY": "sk-1", "HTTP_PROXY": "http://p/", "HOME": "/root"}
    assert browser_environment(env, tmp_path) == {"PATH": "/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}


def test_starts_that_fail_are_spaced_then_given_up_for_a_minute() -> None:
    gate = LaunchGate()
    pauses = []
    for now in (0.0, 1.0, 2.0):
        assert not gate.is_shut(now)
        pauses.append(gate.pause_seconds())
        gate.failed("no sandbox", now)
    assert pauses == [0.0, 0.5, 1.0]
    assert (gate.is_shut(2.0), gate.shut_seconds(2.0), gate.shut_seconds(22.0)) == (True, 60.0, 40.0)
    assert (gate.is_shut(61.9), gate.is_shut(62.0), gate.shut_seconds(62.0)) == (True, False, 0.0)
    gate.failed("no sandbox", 63.0)  # a single one was let through
    assert (gate.is_shut(64.0), gate.reason) == (True, "no sandbox")
    assert not gate.is_shut(123.0)
    gate.worked()
    assert (gate.is_shut(124.0), gate.pause_seconds()) == (False, 0.0)


@pytest.mark.parametrize(
    ("memory_mb", "largest_mb", "verdict"),
    [(2000, 900, Verdict.FINE), (2100, 900, Verdict.REPLACE), (2100, 1100, Verdict.END_PAGE), (0, 0, Verdict.FINE)],
)
def test_memory_is_judged(memory_mb: float, largest_mb: float, verdict: Verdict) -> None:
    assert judge(TreeSample(memory_mb, 1, largest_mb), BrowserLimits()) is verdict


@pytest.mark.parametrize(
    ("said", "error", "can_retry"),
    [
        ("Page.goto: net::ERR_NAME_NOT_RESOLVED at https://x/", errors.HostNotFound, False),
        ("Page.goto: net::ERR_CONNECTION_REFUSED at https://x/", errors.ConnectFailed, True),
        ("Page.goto: net::ERR_TUNNEL_CONNECTION_FAILED at https://x/", errors.ConnectFailed, True),
        ("Page.goto: net::ERR_EMPTY_RESPONSE at https://x/", errors.ConnectFailed, True),
        ("Page.goto: net::ERR_CERT_DATE_INVALID at https://x/", errors.TlsFailed, False),
        ("Page.goto: net::ERR_SSL_PROTOCOL_ERROR at https://x/", errors.TlsFailed, False),
        ("Page.goto: net::ERR_TIMED_OUT at https://x/", errors.TimedOut, True),
        ("Page.goto: net::ERR_TOO_MANY_REDIRECTS at https://x/", errors.RedirectLoop, False),
        ("Page.goto: net::ERR_UNSAFE_REDIRECT at https://x/", errors.RedirectRefused, False),
        ("Page.goto: net::ERR_UNSAFE_PORT at https://x/", errors.AddressForbidden, False),
        ("Page.goto: net::ERR_INVALID_CHUNKED_ENCODING at https://x/", errors.BrokenBody, False),
        ("Page.goto: net::ERR_RESPONSE_HEADERS_TOO_BIG at https://x/", errors.TooLarge, False),
        ("Page.goto: net::ERR_SOMETHING_NEW at https://x/", errors.RenderFailed, True),
        ("Page.goto: Download is starting", errors.NotHtml, False),
        ("Page.goto: Page crashed", errors.RenderFailed, True),
        ("Page.goto: Target page, context or browser has been closed", errors.RenderFailed, True),
        ("something else\nCall log:\n  - more", errors.RenderFailed, True),
    ],
)
def test_what_the_browser_says_becomes_an_error_of_ours(
    said: str, error: type[errors.FetchError], can_retry: bool
) -> None:
    found = page_error(URL, said)
    assert (type(found), found.url, found.can_retry) == (error, URL, can_retry)
    assert "\n" not in found.message


@pytest.mark.parametrize("reason", EgressReason)
def test_every_reason_of_the_proxy_is_named(reason: EgressReason) -> None:
    found = egress_error(URL, "http://10.0.0.1/x", reason)
    assert found.url == URL
    assert "10.0.0.1" in found.message
    if reason in (EgressReason.ADDRESS_FORBIDDEN, EgressReason.PORT_FORBIDDEN):
        assert isinstance(found, errors.AddressForbidden)


def test_actions_name_what_was_waited_for() -> None:
    late = shown_error(URL, "Locator.wait_for: Timeout 24000ms exceeded.", "#a", 24)
    assert isinstance(late, errors.TimedOut)
    assert late.message == "Nothing that matches #a was shown within 24 seconds."
    wrong = shown_error(URL, 'Locator.wait_for: Unexpected token "!" while parsing css selector "!"', "!", 24)
    assert (type(wrong), wrong.can_retry) == (errors.RenderFailed, False)


def test_an_unknown_status_has_no_phrase() -> None:
    assert status_error(URL, 599, None).message == "The site answered 599."
    assert status_error(URL, 429, "7").retry_after == 7.0
    assert status_error(URL, 429, "soon").retry_after is None


def test_a_visit_remembers_its_way() -> None:
    visit = Visit(URL, None, BrowserLimits())
    for target in (URL, f"{URL}a", f"{URL}a#part"):
        visit.navigated(target)
    assert visit.redirects(f"{URL}b") == (f"{URL}a", f"{URL}b")
    assert visit.redirects(f"{URL}a") == (f"{URL}a",)
    assert visit.failure is None


def test_a_visit_ends_with_the_first_thing_that_goes_wrong() -> None:
    visit = Visit(URL, lambda target: "other_host" if "elsewhere" in target else None, BrowserLimits())
    for target in (URL, f"{URL}a", "https://elsewhere.example/", "about:blank"):
        visit.navigated(target)
    assert isinstance(visit.failure, errors.RedirectRefused)
    assert visit.failure.details["reason"] == "other_host"


def test_a_document_that_is_shown_and_left_before_all_of_it_has_come_has_not_failed() -> None:
    """As one whose script goes to `about:blank`, which nothing is asked for."""
    visit = Visit(URL, None, BrowserLimits())
    visit.navigated(URL)
    visit.answer = Answer(URL, 200, {})
    visit.committed(URL)
    visit.committed("about:blank")
    visit.given_up(URL, "net::ERR_ABORTED")
    assert (visit.navigation_failure, visit.navigations) == (None, [URL])


def test_where_a_script_went_and_nothing_came_has_failed() -> None:
    visit = Visit(URL, None, BrowserLimits())
    visit.navigated(URL)
    visit.answer = Answer(URL, 200, {})
    visit.committed(URL)
    visit.navigated(f"{URL}a")
    visit.committed("chrome-error://chromewebdata/")
    visit.given_up(f"{URL}a", "net::ERR_ABORTED")
    assert (visit.navigation_failure, visit.navigations) == ("net::ERR_ABORTED", [URL])


def test_a_visit_has_a_limit_to_what_is_asked_for() -> None:
    visit = Visit(URL, None, BrowserLimits())
    for number in range(1001):
        visit.requested(number, "image")
    assert isinstance(visit.failure, errors.TooLarge)


async def test_a_visit_is_quiet_once_nothing_is_on_the_way() -> None:
    visit = Visit(URL, None, BrowserLimits())
    visit.requested("picture", "image")
    visit.requested("script", "script")
    visit.ended("script")
    await visit.quiet(0.01)  # would not return before the picture, if that counted


@pytest.mark.parametrize(
    ("policy", "runs"),
    [
        ("", True),
        ("default-src 'none'; script-src 'self'", True),
        ("default-src 'none'; sandbox", False),
        ("Sandbox allow-forms", False),
        ("sandbox allow-forms allow-scripts; img-src *", True),
        ("default-src 'self', sandbox;", False),
    ],
)
def test_a_policy_tells_whether_scripts_run(policy: str, runs: bool) -> None:
    assert Answer(URL, 200, {"content-security-policy": policy}).runs_scripts is runs
