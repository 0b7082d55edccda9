"""`gleanery evaluate`: how well search finds the pages of saved queries, as bars; an exit code for scripts."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from gleanery import errors
from gleanery.api import source_shapes
from gleanery.api.saved_query_shapes import (
    EvaluationShape,
    EvaluationSummary,
    QueryResultShape,
    SavedQueryRequest,
    read_lines,
)
from gleanery.cli import connect, source_calls
from gleanery.cli.exits import Exit
from gleanery.cli.printing import print_lines
from gleanery.cli.safe_text import one_line

BAR_WIDTH = 20
_QUERY_CHARS = 48
_NOTED_PAGES = 2
_MAX_FILE_BYTES = 1_000_000


def evaluate(args: Namespace) -> Exit:
    least = least_mrr(args.fail_under)
    queries = None if args.queries is None else _queries_in(Path(args.queries))
    return connect.run(_evaluate(args, queries, least))


async def _evaluate(args: Namespace, queries: Sequence[SavedQueryRequest] | None, least: float | None) -> Exit:
    # A server of our own only searches here: nothing starts to run because someone asked.
    async with connect.connect(args, concurrency=0) as connection:
        client = connection.client
        source = await source_calls.find_source(client, args.source)
        last = None if queries is not None else await source_calls.last_evaluation(client, source.source_id)
        found = await source_calls.evaluate(client, source.source_id, args.generation, queries)
    if args.json:
        print(found.model_dump_json(ensure_ascii=True))
    else:
        print_lines(picture(source, found, last, least))
    return how_it_ended(found, least)


def least_mrr(text: str | None) -> float | None:
    """`--fail-under` as a number. Raises InvalidInput for what is none from 0 to 1."""
    if text is None:
        return None
    try:
        least = float(text)
    except ValueError:
        least = -1.0
    if not 0.0 <= least <= 1.0:
        raise errors.InvalidInput("--fail-under", "must be a number from 0 to 1")
    return least


def _queries_in(path: Path) -> Sequence[SavedQueryRequest]:
    """Raises InvalidInput naming the file, and the line where one is wrong."""
    try:
        with path.open("rb") as file:
            body = file.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise errors.InvalidInput("--queries", f"{path} can't be read: {error.strerror}") from None
    if len(body) > _MAX_FILE_BYTES:
        raise errors.InvalidInput("--queries", f"{path} has more than {_MAX_FILE_BYTES:,} bytes")
    try:
        queries = list(read_lines(body))
    except errors.GleaneryError as error:
        raise errors.InvalidInput("--queries", f"{path}: {error.message}") from None
    if not queries:
        raise errors.InvalidInput("--queries", f"{path} has no lines")
    return queries


def how_it_ended(found: EvaluationShape, least: float | None) -> Exit:
    """Failed where no query could be run, or the mean reciprocal rank is below what was asked for."""
    is_low = least is not None and found.mrr < least
    return Exit.FAILED if is_low or not found.queries else Exit.COMPLETE


def picture(
    source: source_shapes.SourceShape, found: EvaluationShape, last: EvaluationSummary | None, least: float | None
) -> list[Text]:
    """The figures and a line for each query; `plain` of each is what goes to a file."""
    title = one_line(source.title) or one_line(source.url)
    head = Text(title, style="bold").append(f"  {one_line(source.url)}", style="cyan")
    made = [head.append(f"  generation {found.generation}", style="dim"), Text("")]
    made += [_line(result) for result in found.results]
    made += [Text(""), _figures(found, last)]
    if least is not None:
        is_low = found.mrr < least
        said = f"MRR {found.mrr:.3f} is {'below' if is_low else 'not below'} {least:g}"
        made.append(Text(said, style="bold red" if is_low else "green"))
    return made


def _line(result: QueryResultShape) -> Text:
    query = one_line(result.query)
    if len(query) > _QUERY_CHARS:
        query = f"{query[: _QUERY_CHARS - 1]}…"
    if result.error is not None:
        return Text(f"  !  {'':<{BAR_WIDTH}}  {query}  ", style="red").append(one_line(result.error), style="dim")
    bar = "█" * round(result.reciprocal_rank * BAR_WIDTH)
    style = "green" if result.rank == 1 else "yellow" if result.rank else "red"
    line = Text(f"{result.rank or '-':>3}  ").append(f"{bar:<{BAR_WIDTH}}", style=style).append(f"  {query}")
    note = _note(result)
    return line.append(f"  {note}", style="dim") if note else line


def _note(result: QueryResultShape) -> str:
    """Why it isn't first: what is not there, what came before."""
    said = []
    if result.unknown:
        said.append(f"not in the source: {', '.join(map(one_line, result.unknown))}")
    if result.ahead:
        more = "" if len(result.ahead) <= _NOTED_PAGES else ", …"
        first = ", ".join(one_line(url) for url in result.ahead[:_NOTED_PAGES]) + more
        said.append(f"after {first}" if result.rank else f"instead {first}")
    elif result.rank is None:
        said.append("nothing found")
    return "; ".join(said)


def _figures(found: EvaluationShape, last: EvaluationSummary | None) -> Text:
    pairs = (("MRR", "mrr"), ("recall@5", "recall_at_5"), ("recall@10", "recall_at_10"))
    line = Text()
    for name, field in pairs:
        line.append(f"{name} {getattr(found, field):.3f}", style="bold")
        if last is not None and last.queries:
            line.append(f" (was {getattr(last, field):.3f})", style="dim")
        line.append("  ")
    failed = len(found.results) - found.queries
    count = "1 query" if found.queries == 1 else f"{found.queries} queries"
    return line.append(f"{count}, {failed} could not be run" if failed else count)
