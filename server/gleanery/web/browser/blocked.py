"""Whether a site turned the browser away or wants it proven human: by the answer, and by the page that came. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from gleanery import errors
from gleanery.web.fetch import retry_after_seconds

_REFUSALS = {403: "forbidden", 429: "too_many_requests"}

# A page that holds more than this is no interstitial, whatever scripts it loads: many a form has a captcha in it.
_MOST_TEXT = 2500
_MOST_FIELDS = 3

# What an answer says by itself: header, what its value has in it, and whose it is.
_HEADERS = (
    ("cf-mitigated", "challenge", "cloudflare"),
    ("x-amzn-waf-action", "", "aws_waf"),
    ("x-datadome", "protected", "datadome"),
    ("x-dd-b", "", "datadome"),
    ("x-sucuri-block", "", "sucuri"),
)

# What the markup of an interstitial has in it, and a page of content has not.
_MARKS = (
    ("cloudflare", r"/cdn-cgi/challenge-platform/[^\"']*orchestrate|id=[\"']challenge-(?:form|error-text|running)|cf-browser-verification"),
    ("datadome", r"//(?:geo|ct|interstitial)\.captcha-delivery\.com/|\bvar dd\s*=\s*\{'rt'"),
    ("perimeterx", r"id=[\"']px-captcha|captcha\.px-cdn\.net|_pxAppId\s*="),
    ("imperva", r"_Incapsula_Resource\?[^\"']*(?:SWUDNSAI|CWUDNSAI|SWHANEDL)|Incapsula incident ID"),
    ("akamai", r"id=[\"']sec-(?:if-)?cpt-|/_sec/cp_challenge/|[?&]bm-verify=|errors\.edgesuite\.net"),
    ("aws_waf", r"\.awswaf\.com/[^\"']*challenge\.js|AwsWafIntegration"),
)  # fmt: skip
_CAPTCHA = re.compile(
    r"class=[\"'][^\"']*\b(?:h-captcha|g-recaptcha|cf-turnstile)\b"
    r"|//(?:[\w.-]+\.)?hcaptcha\.com/|/recaptcha/(?:api|enterprise)|//challenges\.cloudflare\.com/turnstile/",
    re.IGNORECASE,
)
_SAYS_SO = re.compile(
    r"just a moment|attention required|checking (?:if the site|your browser)|verify(?:ing)? (?:that )?you are (?:a )?human"
    r"|are you (?:a )?(?:human|robot)|not a robot|unusual traffic|access (?:to this page has been )?denied"
    r"|pardon our interruption|security check|request unsuccessful|ddos protection|bot (?:check|protection|verification)",
    re.IGNORECASE,
)
_MARK_PATTERNS = tuple((name, re.compile(pattern)) for name, pattern in _MARKS)


@dataclass(frozen=True, slots=True)
class PageSigns:
    """What tells an interstitial: `text` is the beginning of what is shown, `markup` that of a small page, else empty.
    `fields` counts what can be filled in, without hidden ones."""

    title: str
    text: str
    text_length: int
    fields: int
    markup: str

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """What the page's own script found (`SIGNS`)."""
        return cls(
            str(found["title"]), str(found["text"]), int(found["length"]), int(found["fields"]), str(found["markup"])
        )


def refusal(status: int, headers: Mapping[str, str]) -> str | None:
    """What turned us away, by the answer: `forbidden`, `too_many_requests`, or whose challenge it is. None: nothing.

    `headers` have lower-case names.
    """
    for name, part, whose in _HEADERS:
        if name in headers and part in headers[name].lower():
            return f"challenge_{whose}"
    return _REFUSALS.get(status)


def challenge(signs: PageSigns) -> str | None:
    """Whose challenge this page is, None for a page with something on it."""
    if signs.text_length > _MOST_TEXT or signs.fields > _MOST_FIELDS:
        return None
    for whose, pattern in _MARK_PATTERNS:
        if pattern.search(signs.markup):
            return f"challenge_{whose}"
    says_so = _SAYS_SO.search(f"{signs.title}\n{signs.text}")
    if says_so and _CAPTCHA.search(signs.markup):
        return "challenge_captcha"
    return None


def blocked(url: str, status: int, headers: Mapping[str, str], reason: str) -> errors.PageBlocked:
    """The error for it, with what the site's Retry-After says."""
    said = headers.get("retry-after")
    seconds = retry_after_seconds(said, datetime.now(UTC)) if said else None
    what = "wants to be shown that a human asks" if reason.startswith("challenge_") else f"answers {status}"
    return errors.PageBlocked(
        url,
        f"The site turns the browser away: it {what} ({reason.replace('_', ' ')}).",
        status=status,
        reason=reason,
        retry_after=seconds,
    )
