"""Rankings over passages in memory: plain BM25 and plain cosine, without anything of gleanery's search in them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence

import numpy as np

from tests.bench.headings_vectors import Matrix

DEPTH = 100
_WORD = re.compile(r"\w+")


def by_words(texts: Sequence[str], queries: Sequence[str]) -> list[list[int]]:
    """Positions of the best texts for each query, by FTS5's bm25 over one column; a text must have any of the words."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(text)")
    connection.executemany("INSERT INTO t (rowid, text) VALUES (?, ?)", enumerate(texts))
    sql = "SELECT rowid FROM t WHERE t MATCH ? ORDER BY bm25(t) LIMIT ?"
    found = []
    for query in queries:
        match = " OR ".join(f'"{word}"' for word in _WORD.findall(query))
        found.append([row for (row,) in connection.execute(sql, (match, DEPTH))])
    return found


def by_vectors(vectors: Matrix, asked: Matrix) -> list[list[int]]:
    """Positions of the nearest vectors for each query, by cosine (the rows are of length 1)."""
    found = []
    for query in asked:
        scores = vectors @ query
        best = np.argpartition(-scores, min(DEPTH, len(scores) - 1))[:DEPTH]
        found.append([int(row) for row in best[np.argsort(-scores[best], kind="stable")]])
    return found
