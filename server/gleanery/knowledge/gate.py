"""Whether a refreshed source may take the place of what search answers from. Pure.

A wrong "no" costs a day of freshness and can be overruled by hand; a wrong "yes" takes the knowledge away until somebody
notices. So doubt refuses where much would be lost, and only warns where little would be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product
from typing import Any

from gleanery.model import CrawlCounts
from gleanery.store.saved_queries import Figures, QueryResult

_GONE = ("http_404", "http_410")
_ALIKE = ("same_content", "duplicate", "soft_404")
_UNSEEN = ("time_limit", "page_limit")
_EXACT_SIGNS = 14


@dataclass(frozen=True)
class BuildFigures:
    """A generation as the gate sees it.

    `pages` are those that the site showed: new, changed or unchanged, but none that are only kept because they are missing
    since a short time. `chars` is their Markdown. Of the URLs that were `asked` for, `gone` answered 404 or 410, `failed`
    gave nothing for another reason, and `alike` gave what another URL gives, or a page that says there is nothing. For
    `unseen` ones there was no time or room: what is known of them stays. `scope` is any text that is another when the options
    of the crawl are.
    """

    pages: int
    chars: int
    asked: int = 0
    gone: int = 0
    failed: int = 0
    alike: int = 0
    unseen: int = 0
    scope: str = ""

    @property
    def is_known(self) -> bool:
        """Whether there is anything to compare a crawl with: what was stored by hand, or long ago, tells only its pages."""
        return self.asked > 0

    @property
    def failed_share(self) -> float:
        return self.failed / self.asked if self.asked else 0.0

    @property
    def alike_share(self) -> float:
        return self.alike / self.asked if self.asked else 0.0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def figures_of(counts: CrawlCounts, pages: int, chars: int, scope: str) -> BuildFigures:
    """The figures of a crawl that has ended, by its counts."""
    gone = sum(counts.reasons.get(reason, 0) for reason in _GONE)
    return BuildFigures(
        pages=pages,
        chars=chars,
        asked=counts.stored + counts.failed + counts.skipped - counts.refused,
        gone=gone,
        failed=max(0, counts.failed - gone),
        alike=sum(counts.reasons.get(reason, 0) for reason in _ALIKE),
        unseen=sum(counts.reasons.get(reason, 0) for reason in _UNSEEN),
        scope=scope,
    )


def figures_from(kept: Mapping[str, Any]) -> BuildFigures | None:
    """Those that `as_json` gave; None for something else, as an older version may have kept it."""
    try:
        return BuildFigures(**{field.name: kept[field.name] for field in fields(BuildFigures)})
    except (KeyError, TypeError):
        return None


@dataclass(frozen=True)
class GatePolicy:
    """What is too much. Shares are 0 to 1.

    Small sources lose a large share with a page or two: less than `least_lost_pages` is never too much. What is refused
    again and again in the same shape is how the site is now: from the `patience`-th such build on it may pass, if it has at
    least `least_share_ever` of the pages.
    """

    least_share: float = 0.5
    least_lost_pages: int = 5
    least_chars_share: float = 0.3
    most_failed_share: float = 0.5
    suspicious_failed_share: float = 0.25
    most_alike_share: float = 0.3
    times_before: float = 3.0
    patience: int = 3
    least_share_ever: float = 0.1
    same_shape: float = 0.1
    mrr_tolerance: float = 0.05
    recall_tolerance: float = 0.05
    chance: float = 0.05


@dataclass(frozen=True)
class Verdict:
    """`reasons` say why it is refused; `warnings` what to look at though it passed. Both are sentences."""

    is_passed: bool
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Finding:
    """`is_shape`: it may be how the site is now, so patience helps."""

    sentence: str
    is_refusal: bool
    is_shape: bool = False


def judge_generation(
    before: BuildFigures | None,
    after: BuildFigures,
    policy: GatePolicy,
    *,
    queries: tuple[Figures, Figures] | None = None,
    refused: Sequence[BuildFigures] = (),
    is_forced: bool = False,
) -> Verdict:
    """Whether the build `after` may take the place of `before`; the first of a source (`before` None) may always.

    `queries` are the saved queries' figures of both, run with the same embedder; `refused` the builds refused since `before`,
    newest first.
    """
    if before is None:
        return Verdict(True)
    findings = [*_shrunk(before, after, policy), *_failing(before, after, policy), *_collapsed(before, after, policy)]
    findings += _worse(*queries, policy) if queries is not None else ()
    is_other_scope = before.scope != after.scope
    is_lasting = _is_lasting(before, after, refused, policy)
    reasons: list[str] = []
    warnings: list[str] = []
    for finding in findings:
        is_excused = is_forced or (finding.is_shape and (is_other_scope or is_lasting))
        if finding.is_refusal and not is_excused:
            reasons.append(finding.sentence)
        else:
            warnings.append(f"{finding.sentence} {_excuse(finding, is_forced, is_other_scope, policy)}".rstrip())
    return Verdict(not reasons, tuple(reasons), tuple(warnings))


def _excuse(finding: _Finding, is_forced: bool, is_other_scope: bool, policy: GatePolicy) -> str:
    if not finding.is_refusal:
        return ""
    if is_forced:
        return "It was taken because that was asked for."
    if is_other_scope:
        return "It was taken because the crawl's options are others than before."
    return f"It was taken because {policy.patience} refreshes in a row found the site like that."


def _is_lasting(before: BuildFigures, after: BuildFigures, refused: Sequence[BuildFigures], policy: GatePolicy) -> bool:
    """Whether the builds refused before had about the pages that this one has, and enough of them."""
    if after.pages < policy.least_share_ever * before.pages or not after.pages:
        return False
    alike = 1
    for earlier in refused:
        if abs(earlier.pages - after.pages) > policy.same_shape * max(earlier.pages, after.pages):
            break
        alike += 1
    return alike >= policy.patience


def _shrunk(before: BuildFigures, after: BuildFigures, policy: GatePolicy) -> Iterator[_Finding]:
    if before.pages and not after.pages:
        yield _Finding(f"The new state has none of the {_pages(before.pages)} that there are.", True)
        return
    # What nobody looked at is as it was.
    kept = after.pages + after.unseen
    share = kept / before.pages if before.pages else 1.0
    if share < policy.least_share:
        gone = f", {after.gone} URLs answering 404 or 410" if after.gone else ""
        sentence = (
            f"The new state has {_pages(kept)} where there were {before.pages} ({share:.0%}; at least"
            f" {policy.least_share:.0%} are wanted){gone}."
        )
        yield _Finding(sentence, before.pages - kept >= policy.least_lost_pages, is_shape=True)
        return
    # So many characters are to be expected of so many pages; of more pages no more, as a long one may have been cut.
    expected = before.chars * min(1.0, after.pages / before.pages) if before.pages else 0.0
    if after.chars < policy.least_chars_share * expected:
        sentence = (
            f"Its {_pages(after.pages)} hold {after.chars:,} characters where {round(expected):,} were to be expected"
            f" ({after.chars / expected:.0%}): they may be empty shells or a login page."
        )
        yield _Finding(sentence, after.pages >= policy.least_lost_pages, is_shape=True)


def _failing(before: BuildFigures, after: BuildFigures, policy: GatePolicy) -> Iterator[_Finding]:
    share = after.failed_share
    said = f"{after.failed} of {after.asked} URLs failed ({share:.0%}"
    if share > policy.most_failed_share:
        is_much = after.failed >= policy.least_lost_pages or after.failed == after.asked
        yield _Finding(f"{said}; more than {policy.most_failed_share:.0%} is too much).", is_much)
    elif share > policy.suspicious_failed_share and share > policy.times_before * before.failed_share:
        is_much = before.is_known and after.failed >= 2 * policy.least_lost_pages
        yield _Finding(f"{said}; {before.failed_share:.0%} the time before).", is_much)


def _collapsed(before: BuildFigures, after: BuildFigures, policy: GatePolicy) -> Iterator[_Finding]:
    """Many URLs that give the same, where they gave pages of their own: a login, a soft 404, a consent wall."""
    share = after.alike_share
    if share < policy.most_alike_share or share < policy.times_before * before.alike_share:
        return
    sentence = (
        f"{after.alike} of {after.asked} URLs ({share:.0%}) gave the same page as another or one that says there is nothing;"
        f" {before.alike_share:.0%} did the time before: the site may ask for a login."
    )
    yield _Finding(sentence, before.is_known and after.alike >= policy.least_lost_pages)


def _worse(before: Figures, after: Figures, policy: GatePolicy) -> Iterator[_Finding]:
    """Saved queries that find their pages clearly worse, each against itself."""
    pairs = _pairs(before, after)
    if not pairs:
        return
    lost = [now for was, now in pairs if was.rank is not None and now.rank is None]
    won = [now for was, now in pairs if was.rank is None and now.rank is not None]
    if 2 * (len(lost) - len(won)) > len(pairs):
        sentence = f"{len(lost)} of {len(pairs)} saved queries don't find their page any more: {_named(lost)}."
        yield _Finding(sentence, True, is_shape=_are_gone(lost))
        return
    drops = {
        "MRR": ([was.reciprocal_rank - now.reciprocal_rank for was, now in pairs], policy.mrr_tolerance),
        "recall@5": ([was.recall_at_5 - now.recall_at_5 for was, now in pairs], policy.recall_tolerance),
        "recall@10": ([was.recall_at_10 - now.recall_at_10 for was, now in pairs], policy.recall_tolerance),
    }
    clear = {name for name, (drop, least) in drops.items() if _is_clear(drop, least, policy.chance)}
    if clear:
        said = ", ".join(_drop(name, pairs) for name in drops if name in clear)
        worst = [now for was, now in pairs if now.reciprocal_rank < was.reciprocal_rank]
        sentence = f"Over {len(pairs)} saved queries {said}; worse are {_named(worst)}."
        yield _Finding(sentence, True, is_shape=_are_gone(worst))
    elif lost:
        yield _Finding(f"{len(lost)} of {len(pairs)} saved queries lost their page: {_named(lost)}.", False)


def _pairs(before: Figures, after: Figures) -> list[tuple[QueryResult, QueryResult]]:
    """The same queries in both; without those that could not be run."""
    known = {result.query_id: result for result in before.results if result.error is None}
    return [(known[now.query_id], now) for now in after.results if now.error is None and now.query_id in known]


def _drop(name: str, pairs: Sequence[tuple[QueryResult, QueryResult]]) -> str:
    field = {"MRR": "reciprocal_rank", "recall@5": "recall_at_5", "recall@10": "recall_at_10"}[name]
    was, now = (sum(getattr(pair[side], field) for pair in pairs) / len(pairs) for side in (0, 1))
    return f"{name} fell from {was:.3f} to {now:.3f}"


def _named(results: Sequence[QueryResult]) -> str:
    shown = [f"“{result.query[:80]}”" for result in results[:3]]
    more = f" and {len(results) - len(shown)} more" if len(results) > len(shown) else ""
    missing = sum(bool(result.unknown) for result in results)
    why = f" ({missing} of them expect a page that the source doesn't have any more)" if missing else ""
    return ", ".join(shown) + more + why


def _are_gone(results: Sequence[QueryResult]) -> bool:
    """Whether it is for want of their pages that queries don't find them: that may be how the site is now."""
    return all(result.unknown for result in results)


def _is_clear(drops: Sequence[float], least: float, chance: float) -> bool:
    """Whether a mean drop is of some size, and would hardly come about if up and down were a matter of chance."""
    if sum(drops) <= least * len(drops):
        return False
    return chance_of([drop for drop in drops if drop]) <= chance


def chance_of(differences: Sequence[float]) -> float:
    """How likely a sum as large as that of `differences` is when each might as well have the other sign.

    Fisher's randomisation test for pairs, one-sided: all signs for few differences, the normal approximation for many.
    """
    whole = sum(differences)
    if len(differences) > _EXACT_SIGNS:
        spread = math.sqrt(math.fsum(difference * difference for difference in differences))
        return 0.5 * math.erfc(whole / (spread * math.sqrt(2)))
    sums = [_signed(signs, differences) for signs in product((1, -1), repeat=len(differences))]
    return sum(value >= whole - 1e-9 for value in sums) / len(sums)


def _signed(signs: Sequence[int], values: Sequence[float]) -> float:
    return sum(sign * value for sign, value in zip(signs, values, strict=True))


def _pages(count: int) -> str:
    return "1 page" if count == 1 else f"{count} pages"
