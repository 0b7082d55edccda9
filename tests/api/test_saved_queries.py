"""The routes of saved queries: kept, changed, taken and given as JSON lines, run, and their figures over time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gleanery import errors
from gleanery.api.saved_queries import SavedQueriesApi
from gleanery.knowledge.evaluation import Evaluator
from gleanery.model import utc_now
from gleanery.store.saved_queries import NewQuery, SavedQuery
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_generations import SqliteGenerations
from gleanery.store.sqlite_saved_queries import SqliteSavedQueries
from tests.api.client import API, Client, Reply
from tests.api.refreshed import serving

SOURCE = "src_1"
BASE = "https://a.test"
SAVED = {"query_id", "source_id", "query", "expected", "filters", "created_at", "updated_at"}
SUMMARY = {
    "evaluation_id", "source_id", "generation", "task_id", "at", "queries", "recall_at_5", "recall_at_10", "mrr",
}  # fmt: skip


@dataclass
class Answers:
    """A search whose answers are written down: paths by query; it notes what it was asked for."""

    paths: dict[str, list[str]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, Any], int | None]] = field(default_factory=list)

    async def __call__(self, query: SavedQuery, generation: int | None) -> Sequence[str]:
        self.asked.append((query.query, dict(query.filters), generation))
        if query.query not in self.paths:
            raise errors.EmbedKeyRefused("The key was refused.")
        return [f"{BASE}{path}" for path in self.paths[query.query]]


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
async def client(tmp_path: Path, answers: Answers) -> AsyncIterator[Client]:
    """A source with two complete generations, the second one visible, and a page in each."""
    async with Database(tmp_path / "gleanery.db", lambda _: None) as database:
        for statement in (
            "INSERT INTO source (source_id, url, url_key, knowledge_type, created_at, updated_at, generation)"
            f" VALUES ('{SOURCE}', '{BASE}/', '//a.test/', 'docs', 0, 0, 2)",
            *(
                "INSERT INTO generation (source_id, number, state, task_id, created_at)"
                f" VALUES ('{SOURCE}', {number}, 'complete', '', 0)"
                for number in (1, 2)
            ),
            *(
                "INSERT INTO page (page_id, source_id, url, url_key, title, description, markdown, outline, content_hash,"
                " status_code, content_type, size_bytes, fetched_at, task_id, fetched_by, chunk_count, code_count, born,"
                f" died, seen_task_id) VALUES ('{path}', '{SOURCE}', '{BASE}{path}', '{path}', '', '', '', '[]', '', 200, '',"
                f" 0, 0, '', 'http', 0, 0, {born}, 99, '')"
                for path, born in (("/a", 1), ("/b", 2))
            ),
        ):
            await database.write(lambda tx, s=statement: tx.db.execute(s))  # type: ignore[misc]
        saved = SqliteSavedQueries(database)
        evaluator = Evaluator(saved, answers, utc_now)
        api = SavedQueriesApi(saved, SqliteGenerations(database), evaluator, utc_now)
        async with serving(api.routes()) as it:
            yield it


async def add(client: Client, query: str, *expected: str, **fields: Any) -> dict[str, Any]:
    reply = await client.post(f"/sources/{SOURCE}/queries", {"query": query, "expected": expected, **fields})
    assert reply.status == 201, reply
    assert reply.headers["Location"] == f"{API}/sources/{SOURCE}/queries/{reply.body['query_id']}"
    body: dict[str, Any] = reply.body
    return body


async def take_lines(client: Client, body: bytes) -> Reply:
    headers = {"Content-Type": "application/jsonl"}
    return await client.call("POST", f"{API}/sources/{SOURCE}/queries.jsonl", data=body, headers=headers)


# --- the queries -------------------------------------------------------------------------------------------------


async def test_a_query_is_saved_listed_changed_and_deleted(client: Client) -> None:
    one = await add(client, " how to turn ", "/a", f"{BASE}/b#x", filters={"mode": "keyword", "path_prefix": "/guide"})
    assert set(one) == SAVED
    assert (one["query"], one["expected"]) == ("how to turn", ["/a", f"{BASE}/b#x"])
    assert one["filters"] == {"mode": "keyword", "path_prefix": "/guide"}
    two = await add(client, "how to stop", "/b")
    assert await client.every(f"/sources/{SOURCE}/queries", limit=1) == [one, two]
    path = f"{API}/sources/{SOURCE}/queries/{two['query_id']}"
    changed = await client.call("PUT", path, json={"query": "how to halt", "expected": ["/c"]})
    assert (changed.status, changed.body["query"], changed.body["expected"]) == (200, "how to halt", ["/c"])
    assert changed.body["query_id"] == two["query_id"]
    clash = await client.call("PUT", path, json={"query": "how to turn", "expected": ["/c"]})
    assert (clash.status, clash.error["code"]) == (409, "wrong_state")
    assert (await client.call("DELETE", path)).status == 204
    assert (await client.call("DELETE", path)).status == 404
    assert [row["query_id"] for row in await client.every(f"/sources/{SOURCE}/queries")] == [one["query_id"]]


async def test_the_same_text_again_changes_the_pages(client: Client) -> None:
    first = await add(client, "how", "/a")
    reply = await client.post(f"/sources/{SOURCE}/queries", {"query": "how", "expected": ["/b"]})
    assert (reply.status, reply.body["query_id"], reply.body["expected"]) == (200, first["query_id"], ["/b"])


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"query": "x"}, "expected"),
        ({"query": "x", "expected": []}, "expected"),
        ({"query": "  ", "expected": ["/a"]}, "query"),
        ({"query": "x", "expected": ["a"]}, "expected.0"),
        ({"query": "x", "expected": ["/a", "ftp://x/y"]}, "expected.1"),
        ({"query": "x", "expected": ["/"] * 21}, "expected"),
        ({"query": "x", "expected": ["/a"], "filters": {"mode": "magic"}}, "filters.mode"),
        ({"query": "x", "expected": ["/a"], "filters": {"source_id": "y"}}, "filters.source_id"),
        ({"query": "x", "expected": ["/a"], "rank": 1}, "rank"),
    ],
)
async def test_a_wrong_field_is_named(client: Client, body: dict[str, Any], wrong: str) -> None:
    reply = await client.post(f"/sources/{SOURCE}/queries", body)
    assert (reply.status, reply.error["details"]["field"]) == (422, wrong)
    assert await client.every(f"/sources/{SOURCE}/queries") == []


async def test_an_unknown_source_is_not_found(client: Client, answers: Answers) -> None:
    body = {"query": "x", "expected": ["/a"]}
    assert (await client.post("/sources/src_9/queries", body)).status == 404
    assert (await client.post("/sources/src_9/evaluate", {})).status == 404
    for name in ("queries", "queries.jsonl", "evaluations", "evaluations/ev_1"):
        assert (await client.get(f"/sources/src_9/{name}")).status == 404
    assert answers.asked == []


# --- JSON lines --------------------------------------------------------------------------------------------------

LINES = """\
{"query": "how to turn", "expected": ["/a"]}

{"query": "wie hält man an? 日本", "expected": ["/b", "https://a.test/c"], "filters": {"mode": "vector"}}
"""


async def test_what_is_given_as_lines_is_taken_back(client: Client) -> None:
    reply = await take_lines(client, LINES.encode())
    assert (reply.status, reply.body) == (200, {"source_id": SOURCE, "imported": 2})
    given = await client.call("GET", f"{API}/sources/{SOURCE}/queries.jsonl")
    assert given.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    assert given.body == LINES.replace("\n\n", "\n")
    before = await client.every(f"/sources/{SOURCE}/queries")
    again = await take_lines(client, b"\xef\xbb\xbf" + given.body.replace("\n", "\r\n").encode())
    assert again.status == 200
    after = await client.every(f"/sources/{SOURCE}/queries")
    assert [(row["query_id"], row["query"]) for row in after] == [(row["query_id"], row["query"]) for row in before]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (LINES.encode() + b"{", 400, "Line 4 is not JSON"),
        (LINES.encode() + b'{"query": "x"}', 422, "line 4.expected"),
        (LINES.encode() + b'{"query": "x", "expected": ["a"]}', 422, "line 4.expected.0"),
        (LINES.encode() + b"[1]", 422, "line 4"),
        (b"\n\n", 400, "has no lines"),
        (b"\xff\xfe", 400, "not UTF-8"),
        (b"[" * 100_000, 400, "Line 1 is not JSON"),
    ],
)
async def test_bad_lines_are_named_and_none_is_taken(client: Client, body: bytes, status: int, said: str) -> None:
    reply = await take_lines(client, body)
    assert reply.status == status
    assert said in reply.error["message"]
    assert await client.every(f"/sources/{SOURCE}/queries") == []


async def test_more_queries_than_a_source_may_have_are_refused(client: Client) -> None:
    body = "\n".join(f'{{"query": "{n}", "expected": ["/a"]}}' for n in range(501))
    reply = await take_lines(client, body.encode())
    assert (reply.status, reply.error["details"]) == (409, {"limit": 500})
    assert await client.every(f"/sources/{SOURCE}/queries") == []


# --- running them ------------------------------------------------------------------------------------------------


async def test_figures_of_the_saved_queries_are_given_and_kept(client: Client, answers: Answers) -> None:
    await add(client, "first", "/a")
    await add(client, "second", "/b", "/x", filters={"mode": "keyword"})
    await add(client, "broken", "/a")
    answers.paths = {"first": ["/a/#top"], "second": ["/c#1", "/c#2", "/b"]}
    reply = await client.post(f"/sources/{SOURCE}/evaluate", {})
    assert reply.status == 200, reply
    body = reply.body
    assert set(body) == SUMMARY | {"results"}
    assert (body["generation"], body["task_id"], body["queries"]) == (2, None, 2)
    assert (body["mrr"], body["recall_at_5"], body["recall_at_10"]) == (0.75, 0.75, 0.75)
    first, second, broken = body["results"]
    assert (first["rank"], first["reciprocal_rank"], first["ahead"], first["unknown"]) == (1, 1.0, [], [])
    assert (second["rank"], second["recall_at_5"], second["ahead"]) == (2, 0.5, [f"{BASE}/c"])
    assert second["unknown"] == ["/x"]
    assert (broken["rank"], broken["error"]) == (None, "The key was refused.")
    assert sorted(answers.asked) == [
        ("broken", {}, None), ("first", {}, None), ("second", {"mode": "keyword"}, None),
    ]  # fmt: skip
    assert await client.one(f"/sources/{SOURCE}/evaluations/{body['evaluation_id']}") == body
    (kept,) = await client.every(f"/sources/{SOURCE}/evaluations")
    assert kept == {name: body[name] for name in SUMMARY}


async def test_another_generation_is_searched_when_it_is_named(client: Client, answers: Answers) -> None:
    await add(client, "first", "/b")
    answers.paths = {"first": ["/a"]}
    reply = await client.post(f"/sources/{SOURCE}/evaluate", {"generation": 1})
    assert (reply.body["generation"], reply.body["results"][0]["unknown"]) == (1, ["/b"])
    assert answers.asked == [("first", {}, 1)]
    assert (await client.post(f"/sources/{SOURCE}/evaluate", {"generation": 9})).status == 404
    assert (await client.post(f"/sources/{SOURCE}/evaluate", {"generation": 0})).status == 422


async def test_queries_of_the_request_are_run_and_not_kept(client: Client, answers: Answers) -> None:
    answers.paths = {"first": ["/a"]}
    queries = [{"query": "first", "expected": ["/a"]}]
    reply = await client.post(f"/sources/{SOURCE}/evaluate", {"queries": queries})
    assert (reply.status, reply.body["evaluation_id"], reply.body["mrr"]) == (200, None, 1.0)
    assert [result["query_id"] for result in reply.body["results"]] == ["line_1"]
    assert await client.every(f"/sources/{SOURCE}/evaluations") == []
    assert await client.every(f"/sources/{SOURCE}/queries") == []


async def test_a_source_without_saved_queries_says_how_to_make_one(client: Client) -> None:
    reply = await client.post(f"/sources/{SOURCE}/evaluate", {})
    assert (reply.status, reply.error["code"]) == (409, "wrong_state")
    assert f"POST {API}/sources/{SOURCE}/queries" in reply.error["message"]


async def test_figures_over_time_newest_first(client: Client, answers: Answers) -> None:
    await add(client, "first", "/a")
    for paths in (["/c"], ["/c", "/a"], ["/a"]):
        answers.paths = {"first": paths}
        assert (await client.post(f"/sources/{SOURCE}/evaluate", {})).status == 200
    rows = await client.every(f"/sources/{SOURCE}/evaluations", limit=2)
    assert [row["mrr"] for row in rows] == [1.0, 0.5, 0.0]


async def test_a_refresh_is_judged_by_both_and_its_own_figures_are_kept(tmp_path: Path, answers: Answers) -> None:
    async with Database(tmp_path / "gleanery.db", lambda _: None) as database:
        await database.write(
            lambda tx: tx.db.execute(
                "INSERT INTO source (source_id, url, url_key, knowledge_type, created_at, updated_at, generation)"
                f" VALUES ('{SOURCE}', '{BASE}/', '//a.test/', 'docs', 0, 0, 1)"
            )
        )
        saved = SqliteSavedQueries(database)
        evaluator, other = (Evaluator(saved, answers, utc_now, keeps=keeps) for keeps in (True, False))
        assert await evaluator.for_gate(SOURCE, 1, "tsk_1") is None
        await saved.put(SOURCE, [NewQuery("first", ("/a",))])
        answers.paths = {"first": ["/b", "/a"]}
        for judge in (evaluator, other):
            figures = [await judge.for_gate(SOURCE, number, "tsk_1") for number in (1, 2)]
            assert [found.mrr for found in figures if found is not None] == [0.5, 0.5]
        assert [asked[2] for asked in answers.asked] == [None, 2] * 2
        (kept,) = await saved.evaluations(SOURCE, before=None, limit=9)
        assert (kept.generation, kept.task_id, kept.figures.mrr) == (2, "tsk_1", 0.5)
