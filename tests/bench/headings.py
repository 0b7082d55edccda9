"""Headings as questions, their sections as answers: gleanery's search beside plain ways, on the same pages and model.

    python -m tests.bench headings [--pages N] [--mask blank kept removed] [--tokens N ...] [--cache FOLDER]

The pages are those of Debian's python3.11-doc and postgresql-doc-15. Up to four headings of a page (below its title, two
words that say something, like no other heading) are the questions; before anybody indexes the text their words are taken
out of it (`blank`: the heading stays one, `removed`: the line goes; `kept` leaves it as it is). A hit is right when half of
it lies in the section. `hybrid`, `keyword` and `vector` are gleanery's modes over its store; `BM25` and `cosine` have its
chunks, one column and no weights; `recursive` is what LangChain's RecursiveCharacterTextSplitter makes (1,000 characters,
200 shared) with the same model and cosine. Last comes by how much hybrid is ahead in MRR@10, with its 95 % interval.

Everything embedded is kept in FOLDER: the first run over all pages takes about half an hour of two cores, a sample less.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gleanery.config import load
from gleanery.knowledge.budget import ChunkBudget, local_counter
from gleanery.knowledge.minilm import TOKENIZER_FILE, build
from gleanery.knowledge.search import Mode
from tests.bench import headings_rank
from tests.bench.headings_chunks import Passage, recursive_passages
from tests.bench.headings_score import MEASURES, Place, Scores, difference, score
from tests.bench.headings_site import SITES, Mask, Task, make_task, read_pages
from tests.bench.headings_store import served
from tests.bench.headings_vectors import Matrix, VectorCache

Ranked = Sequence[Sequence[Place]]


@dataclass(frozen=True)
class Answers:
    """What a contender found for each question, in how many passages."""

    name: str
    passages: int
    ranked: Ranked


class Bench:
    """The contenders over one task. `asked` are the questions' vectors."""

    def __init__(self, task: Task, asked: Matrix, cache: VectorCache) -> None:
        self._task = task
        self._queries = [question.text for question in task.questions]
        self._asked = asked
        self._cache = cache

    async def own(self, budget: ChunkBudget) -> list[Answers]:
        """gleanery's three modes, and the two plain rankings of its chunks."""
        async with served(self._task.pages, budget, self._cache) as it:
            answers = [
                Answers(mode.value, len(it.passages), [await it.ask(query, mode) for query in self._queries])
                for mode in (Mode.HYBRID, Mode.KEYWORD, Mode.VECTOR)
            ]
        return [*answers, *await self._plain(it.passages, ("BM25", "cosine"))]

    async def recursive(self) -> list[Answers]:
        return await self._plain(recursive_passages(self._task.pages), ("recursive, BM25", "recursive, cosine"))

    async def _plain(self, passages: Sequence[Passage], names: tuple[str, str]) -> list[Answers]:
        texts = [passage.text for passage in passages]
        vectors = await self._cache.embed(texts, names[1])
        by_words, by_vectors = names
        rows = {
            by_words: headings_rank.by_words(texts, self._queries),
            by_vectors: headings_rank.by_vectors(vectors, self._asked),
        }
        return [
            Answers(name, len(passages), [[passages[row].place for row in found] for found in ranked])
            for name, ranked in rows.items()
        ]


HEAD = (
    f"{'':24} {'passages':>8} {'MRR@10':>7} {'r@1':>6} {'r@5':>6} {'r@10':>6} {'python':>7} {'postgr.':>7} {'lenient':>7}"
    "  hybrid is ahead by"
)


def show(task: Task, answers: Sequence[Answers]) -> None:
    """A line for each; the first is what the others are compared with."""
    pages = [question.page for question in task.questions]
    best = score(task.questions, answers[0].ranked)["MRR@10"]
    print(HEAD)
    for answer in answers:
        scores = score(task.questions, answer.ranked)
        lenient = score(task.questions, answer.ranked, is_lenient=True)["MRR@10"].mean()
        means = "".join(f" {scores[name].mean():{7 if name == 'MRR@10' else 6}.3f}" for name in MEASURES)
        sites = "".join(f" {_mean_of(task, site, scores):>7}" for site in SITES)
        mean, low, high = difference(best, scores["MRR@10"], pages)
        ahead = "" if answer is answers[0] else f"  {mean:+.3f} [{low:+.3f}, {high:+.3f}]"
        print(f"{answer.name:24} {answer.passages:8,}{means}{sites} {lenient:7.3f}{ahead}", flush=True)


def _mean_of(task: Task, site: str, scores: Scores) -> str:
    mine = [question.site == site for question in task.questions]
    return f"{scores['MRR@10'][mine].mean():.3f}" if any(mine) else "-"


async def bench(options: argparse.Namespace) -> None:
    model_dir = build(load().model_dir)
    cache = VectorCache(options.cache / "vectors.db", model_dir, options.threads)
    counter = local_counter(model_dir / TOKENIZER_FILE)
    pages = read_pages(options.pages, options.seed)
    for mask in options.mask:
        task = make_task(pages, mask, options.seed)
        by_site = Counter(question.site for question in task.questions)
        characters = sum(len(page.extracted.markdown) for page in pages)
        print(f"\n{mask}: {len(pages):,} pages, {characters:,} characters, questions: {dict(by_site)}", flush=True)
        began = time.monotonic()
        measured = Bench(task, await cache.embed([q.text for q in task.questions]), cache)
        baseline = await measured.recursive()
        for tokens in options.tokens:
            print(f"chunks of at most {tokens} tokens")
            show(task, [*await measured.own(ChunkBudget.for_model(tokens, counter)), *baseline])
        print(f"{time.monotonic() - began:.0f} s, {cache.texts_embedded:,} texts embedded until now", flush=True)
    await cache.aclose()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, help="so many pages by chance, not all")
    parser.add_argument("--mask", type=Mask, nargs="+", default=[Mask.BLANK, Mask.KEPT], help="blank, kept, removed")
    parser.add_argument("--tokens", type=int, nargs="+", default=[VectorCache.max_tokens], help="sizes of chunks")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="batches embedded at the same time")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "gleanery-bench-headings")
    options = parser.parse_args(arguments)
    os.nice(10)
    asyncio.run(bench(options))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
