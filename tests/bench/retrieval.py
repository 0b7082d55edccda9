"""How well words, vectors and both together find the right chunk, on questions with known answers.

    python -m tests.bench.retrieval DATA.json [--model DIR] [--write DIR]

DATA.json holds `chunks` ({id, heading, text}) and `queries` ({query, relevant: [chunk id]}). Prints one line a ranking:
MRR@10 and recall@k. With --write each ranking also becomes DIR/<name>.json: {query: [chunk id, best first]}.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from gleanery.knowledge.embedders.local import LocalEmbedder
from gleanery.knowledge.fusion import (
    BM25_WEIGHTS,
    FTS_TOKENIZER,
    RANKING_DEPTH,
    VectorIndex,
    fts_query,
    fts_text,
    reciprocal_rank,
)
from gleanery.knowledge.minilm import MODEL_NAME, build

Ranked = Mapping[str, Sequence[str]]
CUTS = (1, 3, 5, 10)


def rank_by_words(data: Mapping[str, Any]) -> Ranked:
    """FTS5's bm25 as the store uses it. The data has no page titles, so that column stays empty."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE t USING fts5(title, headings, body, tokenize='{FTS_TOKENIZER}')")
    rows = [("", fts_text(chunk["heading"]), fts_text(chunk["text"])) for chunk in data["chunks"]]
    connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    sql = "SELECT rowid FROM t WHERE t MATCH ? ORDER BY bm25(t, ?, ?, ?) LIMIT ?"
    return {
        query: [
            data["chunks"][rowid - 1]["id"]
            for (rowid,) in connection.execute(sql, (fts_query(query), *BM25_WEIGHTS, RANKING_DEPTH))
        ]
        for query in _queries(data)
    }


async def rank_by_vectors(data: Mapping[str, Any], model_dir: Path) -> Ranked:
    """The local model's exact neighbours; prints what embedding cost."""
    with ThreadPoolExecutor(1) as executor:
        embedder = LocalEmbedder(model_dir, executor)
        await embedder.embed(["load the model"])
        started = time.process_time()
        vectors = await embedder.embed([f"{chunk['heading']}\n{chunk['text']}" for chunk in data["chunks"]])
        cpu_seconds = time.process_time() - started
        print(f"embedding: {len(vectors) / cpu_seconds:.1f} chunks per CPU second")
        queries = _queries(data)
        asked = await embedder.embed(queries)
        await embedder.aclose()
    index = VectorIndex()
    index.add("bench", [chunk["id"] for chunk in data["chunks"]], vectors)
    return {query: _ids(index, vector) for query, vector in zip(queries, asked, strict=True)}


def fuse(by_words: Ranked, by_vectors: Ranked) -> Ranked:
    return {
        query: [hit.id for hit in reciprocal_rank({"keyword": ids, "vector": by_vectors[query]})]
        for query, ids in by_words.items()
    }


def score(data: Mapping[str, Any], ranked: Ranked) -> dict[str, float]:
    """Means over all queries: reciprocal rank of the first right chunk in ten, and the share found in the first k."""
    sums = dict.fromkeys(("MRR@10", *(f"recall@{cut}" for cut in CUTS)), 0.0)
    for entry in data["queries"]:
        ids, relevant = ranked[entry["query"]], set(entry["relevant"])
        sums["MRR@10"] += next((1 / rank for rank, id_ in enumerate(ids[:10], start=1) if id_ in relevant), 0.0)
        for cut in CUTS:
            sums[f"recall@{cut}"] += len(relevant & set(ids[:cut])) / len(relevant)
    return {name: total / len(data["queries"]) for name, total in sums.items()}


def _queries(data: Mapping[str, Any]) -> list[str]:
    return [entry["query"] for entry in data["queries"]]


def _ids(index: VectorIndex, vector: np.ndarray) -> list[str]:
    return [chunk_id for chunk_id, _ in index.search(vector, RANKING_DEPTH)]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--model", type=Path, default=Path("data/models") / MODEL_NAME, help="where the model is or goes"
    )
    parser.add_argument("--write", type=Path, help="a folder for the rankings")
    options = parser.parse_args(arguments)
    data = json.loads(options.data.read_text())
    by_words = rank_by_words(data)
    by_vectors = asyncio.run(rank_by_vectors(data, build(options.model)))
    for name, ranked in (("words", by_words), ("vectors", by_vectors), ("both", fuse(by_words, by_vectors))):
        print(f"{name:8}", "  ".join(f"{measure} {value:.3f}" for measure, value in score(data, ranked).items()))
        if options.write:
            (options.write / f"{name}.json").write_text(json.dumps(ranked))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
