"""`gleanery preview`: what a crawl would take and skip, and why, as a picture."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence

from rich.text import Text

from gleanery.api import crawl_shapes
from gleanery.cli import connect, reasons
from gleanery.cli.bars import duration
from gleanery.cli.crawl_request import request_body
from gleanery.cli.exits import Exit
from gleanery.cli.printing import print_lines
from gleanery.cli.safe_text import one_line

TREE_LINES = 30
_TREE_BAR = 24
_LONGEST_PATH = 44


def preview(args: Namespace) -> Exit:
    return connect.run(_preview(args))


async def _preview(args: Namespace) -> Exit:
    # A server of our own only looks at the site: nothing starts to run because someone asked.
    async with connect.connect(args, concurrency=0) as connection:
        found = await connection.client.preview(request_body(args))
    if args.json:
        print(found.model_dump_json(ensure_ascii=True))
        return Exit.COMPLETE
    print_lines(picture(found))
    return Exit.COMPLETE


def picture(found: crawl_shapes.PreviewShape) -> list[Text]:
    """The whole answer as lines; `plain` of each is what goes to a file."""
    made = [Text(one_line(found.title) or one_line(found.final_url), style="bold")]
    made.append(Text(one_line(found.final_url), style="cyan"))
    made.append(Text(found.mode, style="bold").append(f" · {one_line(found.sentence)}", style=""))
    made += [Text(f"  {name:<10} ", style="dim").append(one_line(said), style="") for name, said in _facts(found)]
    made += [Text(""), Text("Would be taken", style="bold"), *_tree(found.scope)]
    if found.skipped:
        made += [Text(""), Text(f"Would be left out ({sum(found.skipped.values()):,} known)", style="bold")]
        made += reasons.lines(found.skipped, {reason: urls[0] for reason, urls in found.examples.items() if urls})
    return made


def _facts(found: crawl_shapes.PreviewShape) -> Iterator[tuple[str, str]]:
    if found.final_url != found.url:
        yield "leads from", found.url
    if found.generator:
        yield "made with", found.generator
    yield "robots.txt", _robots(found.robots)
    yield "rendering", f"needs the browser: {found.rendering_sign}" if found.rendering_sign else "readable over HTTP"
    for place in found.tried:
        if place.outcome == "found":
            yield "found", _place(place)
    missing = sorted({f"{place.target} ({place.reason or place.outcome})" for place in _not_had(found.tried)})
    if missing:
        yield "not had", ", ".join(missing)
    if not found.is_complete:
        yield "cut short", "there was no time to look at all that the site lists"
    yield "estimate", _estimate(found.estimate)


def _robots(robots: crawl_shapes.RobotsShape) -> str:
    said = ["allows the start"]
    if robots.crawl_delay_seconds:
        said.append(f"asks for {robots.crawl_delay_seconds:g} s between requests")
    if robots.sitemaps:
        said.append(f"names {_count(len(robots.sitemaps), 'sitemap')}")
    return ", ".join(said)


def _place(place: crawl_shapes.TriedShape) -> str:
    of_these = "" if place.wanted == place.found else f", {place.wanted:,} in scope"
    but = f" ({place.reason})" if place.reason else ""
    return f"{place.target} names {_count(place.found, 'page')}{of_these}{but}: {place.url}"


def _not_had(tried: Sequence[crawl_shapes.TriedShape]) -> list[crawl_shapes.TriedShape]:
    """Places that are there and could not be used; what simply isn't there is not worth a word."""
    return [place for place in tried if place.outcome not in ("found", "not_there", "not_asked")]


def _estimate(estimate: crawl_shapes.EstimateShape) -> str:
    pages = _count(estimate.pages, "page")
    time = f"about {duration(estimate.seconds)}" if estimate.seconds >= 1 else "under a second"
    cost = f"{time}, about {_count(estimate.tokens, 'token')}" if estimate.tokens else time
    if estimate.cost_usd:
        cost += f", embedding about ${estimate.cost_usd:.2f}"
    return f"{pages}, {cost}" if estimate.is_whole else f"{pages} known so far ({cost}); there may be more"


def _tree(root: crawl_shapes.BranchShape) -> list[Text]:
    """The folders with the most pages, indented below each other, and how many are not shown."""
    largest = sorted(_walk(root, 0), key=lambda item: (-item[0].pages, item[1]))[:TREE_LINES]
    shown = {branch.path for branch, _ in largest}
    lines = [
        (_folder(branch, depth), branch.pages, len(branch.children) - sum(c.path in shown for c in branch.children))
        for branch, depth in _walk(root, 0)
        if branch.path in shown
    ]
    width = max(len(name) for name, _, _ in lines)
    made = []
    for name, pages, hidden in lines:
        line = Text(f"{name:<{width}} ").append(reasons.bar(pages, root.pages, _TREE_BAR), style="green")
        made.append(
            line.append(f" {pages:,}").append(f"  and {_count(hidden, 'folder')} more" if hidden else "", "dim")
        )
    return made


def _walk(branch: crawl_shapes.BranchShape, depth: int) -> Iterator[tuple[crawl_shapes.BranchShape, int]]:
    yield branch, depth
    for child in branch.children:
        yield from _walk(child, depth + 1)


def _folder(branch: crawl_shapes.BranchShape, depth: int) -> str:
    name = branch.path if depth == 0 else branch.path.rstrip("/").rpartition("/")[2] + "/"
    name = "  " * (depth + 1) + one_line(name)
    return name if len(name) <= _LONGEST_PATH else name[: _LONGEST_PATH - 1] + "…"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
