"""`gleanery evaluate`: the picture, the file of queries, which source is meant, and how it ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gleanery import errors
from gleanery.api import source_shapes
from gleanery.api.saved_query_shapes import EvaluationShape, EvaluationSummary, QueryResultShape
from gleanery.cli.evaluate import how_it_ended, least_mrr, picture
from gleanery.cli.exits import Exit
from tests.cli.command import Ended, run
from tests.sites import Site

AT = datetime(2030, 1, 1, tzinfo=UTC)
SOURCE = source_shapes.SourceShape.model_construct(source_id="src_1", url="https://docs.example.org/", title="Widgets")


def result(rank: int | None, query: str = "how to turn", **fields: Any) -> QueryResultShape:
    values: dict[str, Any] = {
        "query_id": "sq_1",
        "query": query,
        "expected": ["/a"],
        "rank": rank,
        "reciprocal_rank": 1 / rank if rank else 0.0,
        "recall_at_5": 1.0,
        "recall_at_10": 1.0,
        "ahead": [],
        "unknown": [],
        "error": None,
    }
    return QueryResultShape(**{**values, **fields})


def found(*results: QueryResultShape, mrr: float = 0.5) -> EvaluationShape:
    return EvaluationShape(
        evaluation_id="ev_1",
        source_id="src_1",
        generation=3,
        task_id=None,
        at=AT,
        queries=sum(each.error is None for each in results),
        recall_at_5=0.75,
        recall_at_10=1.0,
        mrr=mrr,
        results=list(results),
    )


def test_the_picture() -> None:
    urls = [f"https://docs.example.org/{name}" for name in "bcd"]
    shown = found(
        result(1),
        result(4, "second\x1b[31m one", ahead=urls),
        result(None, "third", ahead=urls[:1], unknown=["/gone"]),
        result(None, "fourth"),
        result(None, "fifth", error="The key was refused."),
    )
    last = EvaluationSummary(**{**shown.model_dump(exclude={"results"}), "mrr": 0.625})
    assert [line.plain for line in picture(SOURCE, shown, last, 0.8)] == [
        "Widgets  https://docs.example.org/  generation 3",
        "",
        "  1  ████████████████████  how to turn",
        "  4  █████                 second␛[31m one  after https://docs.example.org/b, https://docs.example.org/c, …",
        "  -                        third  not in the source: /gone; instead https://docs.example.org/b",
        "  -                        fourth  nothing found",
        "  !                        fifth  The key was refused.",
        "",
        "MRR 0.500 (was 0.625)  recall@5 0.750 (was 0.750)  recall@10 1.000 (was 1.000)  4 queries, 1 could not be run",
        "MRR 0.500 is below 0.8",
    ]


def test_a_long_query_is_cut() -> None:
    (line,) = [
        line.plain for line in picture(SOURCE, found(result(1, "word " * 40)), None, None) if "word" in line.plain
    ]
    assert line.endswith(" wo…")


def test_how_it_ends() -> None:
    assert how_it_ended(found(result(2)), None) is Exit.COMPLETE
    assert how_it_ended(found(result(2)), 0.5) is Exit.COMPLETE
    assert how_it_ended(found(result(2)), 0.51) is Exit.FAILED
    assert how_it_ended(found(result(None, error="No.")), None) is Exit.FAILED


@pytest.mark.parametrize("text", ["high", "-0.1", "1.01", "nan", "inf", ""])
def test_a_bad_threshold_is_named(text: str) -> None:
    with pytest.raises(errors.InvalidInput, match="--fail-under"):
        least_mrr(text)
    assert least_mrr("0.9") == 0.9
    assert least_mrr(None) is None


# --- against a server --------------------------------------------------------------------------------------------


@pytest.fixture
async def crawled(env: dict[str, str], site: Site, server: str) -> str:
    """The URL of the site, which the running server has crawled."""
    assert server
    assert (await run(env, "crawl", site.url, "--quiet")).code == 0
    return site.url


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    file = tmp_path / "queries.jsonl"
    lines = [
        {"query": "widget turned by ninety degrees", "expected": ["/turning.html"]},
        {"query": "gears", "expected": ["/"]},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


async def test_queries_of_a_file(env: dict[str, str], crawled: str, queries: Path) -> None:
    ended = await run(env, "evaluate", crawled, "--queries", str(queries), "--fail-under", "0.9")
    assert ended.code == 0, ended
    assert "MRR 1.000" in ended.out
    assert "MRR 1.000 is not below 0.9" in ended.out
    queries.write_text('{"query": "gears", "expected": ["/nowhere"]}\n')
    low = await run(env, "evaluate", crawled, "--queries", str(queries), "--fail-under", "0.9", "--json")
    assert low.code == 1
    (body,) = low.json_lines
    assert (body["mrr"], body["evaluation_id"]) == (0.0, None)
    assert body["results"][0]["unknown"] == ["/nowhere"]


async def test_a_source_is_named_by_host_or_id_and_must_be_there(
    env: dict[str, str], crawled: str, queries: Path
) -> None:
    host = crawled.removeprefix("http://").strip("/")
    by_host = await run(env, "evaluate", host, "--queries", str(queries), "--json")
    (body,) = by_host.json_lines
    by_id = await run(env, "evaluate", body["source_id"], "--queries", str(queries), "--json")
    assert [by_host.code, by_id.code] == [0, 0]
    other = await run(env, "evaluate", "docs.example.org", "--queries", str(queries))
    assert other.code == 2
    assert "SOURCE: no source has the id, URL or host 'docs.example.org'" in other.err


async def test_what_is_wrong_with_the_file_is_told_with_its_line(env: dict[str, str], tmp_path: Path) -> None:
    async def with_file(text: str | None) -> Ended:
        file = tmp_path / "bad.jsonl"
        if text is not None:
            file.write_text(text)
        return await run(env, "evaluate", "docs.example.org", "--queries", str(file))

    for text, said in (
        (None, "can't be read: No such file"),
        ("", "has no lines"),
        ('{"query": "x", "expected": ["/a"]}\n{', "Line 2 is not JSON"),
        ('{"query": "x"}', "line 1.expected"),
    ):
        ended = await with_file(text)
        assert ended.code == 2
        assert said in ended.err


async def test_a_source_without_saved_queries_says_how_to_make_one(env: dict[str, str], crawled: str) -> None:
    ended = await run(env, "evaluate", crawled)
    assert ended.code == 1
    assert "has no saved queries" in ended.err
