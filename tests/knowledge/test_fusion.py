"""Ranking: reciprocal ranks, exact vector search, and words that agree with a real FTS5 table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gleanery.errors import EmbedMismatch
from gleanery.knowledge.fusion import (
    FTS_TOKENIZER,
    Fused,
    VectorIndex,
    fts_query,
    fts_text,
    highlight_ranges,
    query_terms,
    reciprocal_rank,
)

# --- reciprocal rank ---------------------------------------------------------------------------------------------


def test_a_hit_in_both_rankings_beats_the_first_of_one() -> None:
    fused = reciprocal_rank({"keyword": ["a", "b"], "vector": ["b", "c"]})
    assert fused == [
        Fused("b", 1 / 62 + 1 / 61, {"keyword": 1 / 62, "vector": 1 / 61}),
        Fused("a", 1 / 61, {"keyword": 1 / 61}),
        Fused("c", 1 / 62, {"vector": 1 / 62}),
    ]


def test_weights_and_k_are_taken_as_given() -> None:
    fused = reciprocal_rank({"x": [1], "y": [2]}, weights={"x": 1.0, "y": 3.0}, k=0)
    assert [(hit.id, hit.score) for hit in fused] == [(2, 3.0), (1, 1.0)]


def test_equal_scores_keep_the_order_they_came_in() -> None:
    fused = reciprocal_rank({"keyword": ["z"], "vector": ["a"]})
    assert [hit.id for hit in fused] == ["z", "a"]


def test_nothing_found_is_nothing_fused() -> None:
    assert reciprocal_rank({"keyword": [], "vector": []}) == []


def test_a_ranking_without_a_weight_is_refused() -> None:
    with pytest.raises(KeyError, match="colour"):
        reciprocal_rank({"colour": ["a"]})


# --- vector index ------------------------------------------------------------------------------------------------


def unit(*values: float) -> np.ndarray:
    vector = np.array(values, dtype=np.float32)
    return vector / np.linalg.norm(vector)


@pytest.fixture
def compass() -> VectorIndex:
    index = VectorIndex()
    index.add("east", ["e", "ne"], np.stack([unit(1, 0), unit(1, 1)]))
    index.add("north", ["n"], np.array([[0, 2]], dtype=np.float16))
    return index


def rounded(hits: list[tuple[str, float]]) -> list[tuple[str, float]]:
    return [(chunk_id, round(score, 4)) for chunk_id, score in hits]


def test_search_gives_cosines_nearest_first(compass: VectorIndex) -> None:
    assert rounded(compass.search(np.array([5.0, 0.0]), 10)) == [("e", 1.0), ("ne", 0.7071), ("n", 0.0)]
    assert rounded(compass.search(unit(1, 0), 2)) == [("e", 1.0), ("ne", 0.7071)]


def test_search_within_sources(compass: VectorIndex) -> None:
    assert rounded(compass.search(unit(1, 0), 10, ["north"])) == [("n", 0.0)]
    assert rounded(compass.search(unit(1, 0), 10, ["north", "east", "nowhere"]))[0] == ("e", 1.0)
    assert compass.search(unit(1, 0), 10, []) == []
    assert compass.search(unit(1, 0), 0) == []


def test_an_empty_index_finds_nothing() -> None:
    assert VectorIndex().search(unit(1, 0), 10) == []
    assert VectorIndex(dimensions=3).search(unit(1, 0), 10) == []


def test_adding_again_replaces_and_may_move_to_another_source(compass: VectorIndex) -> None:
    compass.add("north", ["e"], unit(0, -1)[np.newaxis])
    assert len(compass) == 3
    assert rounded(compass.search(unit(0, -1), 1, ["north"])) == [("e", 1.0)]
    assert rounded(compass.search(unit(1, 0), 10, ["east"])) == [("ne", 0.7071)]


def test_the_same_chunk_twice_in_one_call_counts_once_with_its_last_vector() -> None:
    index = VectorIndex()
    index.add("s", ["a", "a"], np.stack([unit(1, 0), unit(0, 1)]))
    assert rounded(index.search(unit(0, 1), 10)) == [("a", 1.0)]


def test_removing_chunks_and_sources(compass: VectorIndex) -> None:
    assert compass.remove(["e", "unknown"]) == 1
    assert "e" not in compass
    assert [chunk_id for chunk_id, _ in compass.search(unit(1, 0), 10)] == ["ne", "n"]
    assert compass.remove_source("east") == 1
    assert compass.remove_source("nowhere") == 0
    assert [chunk_id for chunk_id, _ in compass.search(unit(1, 0), 10)] == ["n"]


@pytest.mark.parametrize(
    "vectors",
    [np.ones((1, 3)), np.ones((2, 2)), np.ones(2), np.zeros((1, 2)), np.array([[np.nan, 1.0]])],
    ids=["dimensions", "count", "not a matrix", "zeros", "nan"],
)
def test_wrong_vectors_are_refused_and_nothing_changes(compass: VectorIndex, vectors: np.ndarray) -> None:
    with pytest.raises(EmbedMismatch):
        compass.add("east", ["new"], vectors)
    assert "new" not in compass
    with pytest.raises(EmbedMismatch):
        VectorIndex(dimensions=2).add("s", ["new"], vectors)


def test_a_query_of_another_model_is_refused(compass: VectorIndex) -> None:
    with pytest.raises(EmbedMismatch, match="holds vectors of 2 dimensions"):
        compass.search(np.ones(3), 10)


def test_a_first_wrong_call_does_not_set_the_dimensions() -> None:
    index = VectorIndex()
    with pytest.raises(EmbedMismatch):
        index.add("s", ["a"], np.zeros((1, 7)))
    index.add("s", ["a"], np.ones((1, 2)))
    assert index.dimensions == 2


def test_growth_and_reclaiming_keep_every_answer_exact() -> None:
    """Random additions, replacements and removals, against the plain way to compute the same."""
    rng = np.random.default_rng(7)
    index, truth = VectorIndex(), dict[str, tuple[str, np.ndarray]]()
    for step in range(60):
        chunk_ids = [str(number) for number in rng.integers(0, 4000, 150)]
        source = f"s{step % 3}"
        if step % 3 == 2:
            index.remove(chunk_ids * 2)
            for chunk_id in chunk_ids:
                truth.pop(chunk_id, None)
        else:
            vectors = rng.standard_normal((150, 8)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            index.add(source, chunk_ids, vectors)
            truth |= {chunk_id: (source, vector) for chunk_id, vector in zip(chunk_ids, vectors, strict=True)}
    assert index.remove_source("s0") == sum(source == "s0" for source, _ in truth.values())
    left = {chunk_id: vector for chunk_id, (source, vector) in truth.items() if source != "s0"}
    query = unit(*rng.standard_normal(8))
    expected = sorted(left, key=lambda chunk_id: -float(left[chunk_id] @ query))[:25]
    assert [chunk_id for chunk_id, _ in index.search(query, 25)] == expected
    assert len(index) == len(left)


def test_searches_in_threads_see_whole_states_while_rows_come_and_go() -> None:
    index = VectorIndex()
    index.add("fixed", [f"f{n}" for n in range(50)], np.tile(unit(1, 0), (50, 1)))
    others = np.tile(unit(0, 1), (700, 1))

    def churn() -> None:
        for _ in range(30):
            index.add("moving", [f"m{n}" for n in range(700)], others)
            index.remove_source("moving")

    def look() -> set[int]:
        return {len(index.search(unit(1, 0), 5000)) for _ in range(200)}

    with ThreadPoolExecutor(4) as pool:
        churning = pool.submit(churn)
        seen = set.union(*(looking.result() for looking in [pool.submit(look) for _ in range(3)]))
        churning.result()
    assert seen <= {50, 750}


# --- words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("rate limits", ["rate", "limits"]),
        ("How do I set a rate limit?", ["set", "rate", "limit"]),
        ("what is this", ["what", "is", "this"]),
        ("Rate rate RATE", ["Rate"]),
        ('"rate limit" python', ["rate limit", "python"]),
        ("“rate limit” python", ["rate limit", "python"]),
        ('unbalanced "quote', ["unbalanced", "quote"]),
        ("asyncio.create_task()", ["asyncio create task", "asyncio", "create", "task"]),
        ("max_tokens", ["max tokens", "max", "tokens"]),
        ("createTask", ["createTask", "create Task", "create", "Task"]),
        ("HTTPServer APIs", ["HTTPServer", "HTTP Server", "HTTP", "Server", "APIs"]),
        ("python3.11", ["python3 11", "python3", "11"]),
        ("C++", ["C"]),
        ("NOT AND OR NEAR(a b)", ["NOT", "NEAR a", "NEAR", "b"]),
        ("全文検索", ["全 文", "文 検", "検 索"]),
        ("検", ["検"]),
        ("Python検索", ["Python", "検 索"]),
        ("", []),
        ("!!! --- \x00", []),
    ],
)
def test_terms_of_a_query(text: str, terms: list[str]) -> None:
    assert query_terms(text) == terms


def test_a_pasted_book_gives_a_bounded_query() -> None:
    assert len(query_terms(" ".join(f"word{n}" for n in range(100_000)))) == 64


@pytest.fixture
def table() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE t USING fts5(body, tokenize='{FTS_TOKENIZER}')")
    connection.execute("CREATE VIRTUAL TABLE words USING fts5vocab(t, instance)")
    yield connection
    connection.close()


def put(table: sqlite3.Connection, *bodies: str) -> None:
    table.executemany("INSERT INTO t VALUES (?)", [(fts_text(body),) for body in bodies])


def found(table: sqlite3.Connection, query: str) -> list[int]:
    rows = table.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY bm25(t)", (fts_query(query),))
    return [rowid for (rowid,) in rows]


@pytest.mark.parametrize(
    "query",
    [
        '"',
        '""',
        "*",
        "a*",
        "^a",
        "a:b",
        "-a",
        "(",
        "NEAR(",
        "a AND",
        "OR",
        "'; DROP TABLE t; --",
        "\x00",
        "a\x00b",
        "\ud800",
        "\ufeff",
    ],
)
def test_no_query_is_a_syntax_error(table: sqlite3.Connection, query: str) -> None:
    assert found(table, query) == []


def test_any_text_is_a_valid_query() -> None:
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE t USING fts5(body, tokenize='{FTS_TOKENIZER}')")
    syntax = st.sampled_from(
        ['"', "*", "^", ":", "(", ")", "{", "}", "+", "-", "NEAR", "AND", "OR", "NOT", " ", "\x00", "a"]
    )

    @settings(max_examples=500, deadline=None)
    @given(st.text(st.characters(), max_size=60) | st.lists(syntax, max_size=12).map("".join))
    def search(query: str) -> None:
        assert connection.execute("SELECT rowid FROM t WHERE t MATCH ?", (fts_query(query),)).fetchall() == []

    search()
    connection.close()


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("create_task", [1, 2]),
        ("asyncio.create_task", [1, 2]),
        ("createTask", [1, 2, 3]),
        ("cafe", [4]),
        ("CAFÉ", [4]),
        ('"task create"', []),
        ("検索", [5]),
        ("全文検索", [5]),
        ("索エ", [5]),
        ("索検", []),
        ("검색", [6]),
        ("nothing here", []),
        ("done", [7, 8]),  # FTS5 knows no emoji after Unicode 6.1 and would glue newer ones to the word
    ],
)
def test_what_a_query_finds(table: sqlite3.Connection, query: str, rows: list[int]) -> None:
    put(
        table,
        "call asyncio.create_task once",
        "create a task",
        "queue.createTask(x)",
        "a café",
        "全文検索エンジン",
        "한글 검색을",
        "done🙂",
        "🥳done 🪿",
    )
    assert sorted(found(table, query)) == rows


def highlighted(content: str, query: str) -> list[str]:
    return [content[start:end] for start, end in highlight_ranges(content, query_terms(query))]


@pytest.mark.parametrize(
    ("content", "query", "marked"),
    [
        ("Rate limits and rates", "rate", ["Rate"]),
        ("🙂🙂 rate 👨‍👩‍👧 Limit", "limit rate", ["rate", "Limit"]),
        ("a cafe\u0301 and a CAFÉ", "café", ["cafe\u0301", "CAFÉ"]),
        ("call asyncio.create_task(x)", "asyncio.create_task", ["asyncio.create_task"]),
        ("call create_task(x) to create", "create_task", ["create_task", "create"]),
        ("the rate; the rate limit", '"rate limit"', ["rate limit"]),
        ("これは全文検索です", "全文検索", ["全文検索"]),
        ("日本語の検索、検索", "検索", ["検索", "検索"]),
        ("prerate rated", "rate", []),
        ("", "rate", []),
        ("rate", "", []),
    ],
)
def test_highlights(content: str, query: str, marked: list[str]) -> None:
    assert highlighted(content, query) == marked


def test_highlights_are_code_point_offsets() -> None:
    assert highlight_ranges("🙂 rate", ["rate"]) == [(2, 6)]


WORDY = [
    "Rate_limits: 3.5 req/s, naïve café — ÀÉÎÕÜ ñ ç ø ł ß",
    "Straße ΑΘΗΝΑ Ἀθῆναι МОСКВА Ёлка ﬁne x² ½ Ⅷ",
    "全文検索エンジンです。한글 검색을 ｶﾀｶﾅ",
    "emoji 🙂 zwj 👨‍👩‍👧 tag 1️⃣ e\u0301a\u0308 it's don’t",
    "snake_case camelCase kebab-case foo::bar() <T> $x @y #z 0x1F",
    "עברית العربية हिन्दी ไทย",
]


@pytest.mark.parametrize("text", WORDY)
def test_words_begin_and_end_where_fts5_has_them(table: sqlite3.Connection, text: str) -> None:
    """Each word that FTS5 has in the index is highlighted when it is asked for, and is one that the query finds."""
    put(table, text)
    words = [word for (word,) in table.execute("SELECT DISTINCT term FROM words") if any(map(str.isalnum, word))]
    assert words
    for word in words:
        ranges = highlight_ranges(text, [word])
        assert ranges, word
        assert found(table, text[ranges[0][0] : ranges[0][1]]) == [1], word


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=80), st.text(max_size=20))
def test_ranges_are_ordered_apart_and_inside(content: str, query: str) -> None:
    ranges = highlight_ranges(content, query_terms(query + " " + content[:10]))
    flat = [edge for span in ranges for edge in span]
    assert flat == sorted(set(flat))
    assert all(0 <= start < end <= len(content) for start, end in ranges)
