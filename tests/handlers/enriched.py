"""What tests of `enrich_source` stand on: a store with a source, a chat server that answers by number, an embedder that counts."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gleanery.agents.chat import ChatClient
from gleanery.agents.enrich import EnrichPart
from gleanery.engine.handler import Outcome, TaskContext
from gleanery.errors import EmbedMismatch
from gleanery.handlers.enrich.handler import EnrichSourceHandler
from gleanery.handlers.enrich.payload import EnrichSourcePayload
from gleanery.handlers.enrich.ready_vectors import ReadyVectors
from gleanery.knowledge.embedders.embedder import Embedding
from gleanery.knowledge.vectors import Vectors
from gleanery.model import NewTask, Task, TaskStatus
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_enrich import SqliteEnrich
from tests.sites.chat_server import ChatRequest, ChatServer, chat_server
from tests.store.samples import Crawl, fence_of, start_crawl, started, told

_ITEM = re.compile(r"<<<(?:PASSAGE|EXAMPLE) (\d+) (\w+)>>> [^\n]*\n(.*?)\n<<<END \1 \2>>>", re.DOTALL)
DIMENSIONS = 8


def items_of(request: ChatRequest) -> dict[int, str]:
    """The numbered texts of a question."""
    return {int(number): text for number, _, text in _ITEM.findall(request.texts[-1])}


def obedient(request: ChatRequest) -> str:
    """An answer about each item that names its first word."""
    items = items_of(request)
    match request.form_name:
        case "PlacedPassages":
            said = [{"number": n, "context": f"Placed {text.split()[0]}."} for n, text in items.items()]
            return json.dumps({"passages": said})
        case "NamedExamples":
            named = [
                {"number": n, "name": f"Named {text.split()[0]}", "summary": "It runs."} for n, text in items.items()
            ]
            return json.dumps({"examples": named})
        case _:
            return json.dumps({"description": "It documents things. For all."})


@dataclass
class CountingEmbedder:
    """`Embedder` whose vectors are hashes. `texts` are all that it was given; those with REFUSED in them it refuses; `watch` is
    called before each batch."""

    name: str = "counting"
    dimensions: int | None = DIMENSIONS
    max_tokens: int = 256
    bulk_size: int = 16
    texts: list[str] = field(default_factory=list)
    watch: Callable[[], Any] | None = None

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return (await self.embed_each(texts)).vectors

    async def embed_each(self, texts: Sequence[str]) -> Embedding:
        if self.watch is not None:
            await self.watch()
        self.texts += texts
        good = tuple(n for n, text in enumerate(texts) if "REFUSED" not in text)
        vectors = np.stack([_vector(texts[n]) for n in good]) if good else np.empty((0, DIMENSIONS), np.float32)
        failures = {n: EmbedMismatch("Refused.") for n in range(len(texts)) if n not in good}
        return Embedding(vectors, good, tuple(len(text) for text in texts), failures)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text) for text in texts]

    async def aclose(self) -> None:
        return


def _vector(text: str) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
    vector = np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    normalised: NDArray[np.float32] = vector / np.linalg.norm(vector)
    return normalised


@dataclass
class Enriched:
    """A store, a chat server, and one handler between them."""

    store: EmbeddedStore
    database: Database
    enrich: SqliteEnrich
    server: ChatServer
    client: ChatClient
    embedder: CountingEmbedder
    vectors: Vectors
    handler: EnrichSourceHandler

    async def crawl(self, url: str = "https://a.test/") -> Crawl:
        return await start_crawl(self.store, url)

    async def complete(self, crawl: Crawl) -> None:
        """The crawl is through: what it has stored is seen, and has its vectors."""
        async for _ in self.vectors.embed_missing(crawl.fence, crawl.source.source_id):
            pass
        await self.store.generations.complete(
            crawl.fence, crawl.source.source_id, timedelta(days=1), [], crawl.task.progress, {}
        )
        await self.store.tasks.finish(crawl.fence, TaskStatus.COMPLETED, told(), result={})

    async def task(self, source_id: str, **payload: Any) -> Task:
        new = NewTask("enrich_source", {"source_id": source_id, **payload})
        return await started(self.store, new)

    async def attempt(self, task: Task) -> Outcome:
        """One attempt of a task, as a worker would run it."""
        ctx = TaskContext(task, self.store.tasks)
        try:
            outcome = await self.handler.run(ctx, EnrichSourcePayload.model_validate(task.payload))
        finally:
            await ctx.close()
        await self.store.tasks.finish(
            fence_of(task), TaskStatus.COMPLETED, told(), result=outcome.result, progress=outcome.progress
        )
        return outcome

    async def run(self, source_id: str, **payload: Any) -> Outcome:
        return await self.attempt(await self.task(source_id, **payload))

    async def again(self, task: Task) -> Task:
        """The task as its next attempt has it: with the progress that was stored."""
        return replace(task, progress=(await self.store.tasks.get(task.task_id)).progress)

    async def contexts(self, source_id: str) -> dict[str, str]:
        """Of what is visible, by content."""
        return await self._pairs(
            "SELECT chunk.content, chunk.context FROM chunk JOIN visible_page USING (page_row) WHERE chunk.source_id = ?",
            source_id,
        )

    async def summaries(self, source_id: str) -> dict[str, str]:
        return await self._pairs(
            "SELECT code, name || ': ' || summary FROM code_example JOIN visible_page USING (page_row)"
            " WHERE code_example.source_id = ?",
            source_id,
        )

    async def without_vector(self) -> int:
        """Visible chunks that search by meaning can't find."""
        [(count, _)] = await self._rows(
            "SELECT count(*), 0 FROM chunk JOIN visible_page USING (page_row) WHERE NOT EXISTS"
            " (SELECT 1 FROM vector WHERE vector.text_row = chunk.text_row AND model = ?)",
            self.embedder.name,
        )
        return int(count)

    async def _pairs(self, sql: str, *values: object) -> dict[str, str]:
        return dict(await self._rows(sql, *values))

    async def _rows(self, sql: str, *values: object) -> list[tuple[Any, Any]]:
        return [tuple(row) for row in await self.database.read(lambda db: db.execute(sql, values).fetchall())]


@asynccontextmanager
async def enriched(
    folder: Path,
    answer: Callable[[ChatRequest], str] = obedient,
    *,
    parts: Sequence[EnrichPart] = tuple(EnrichPart),
    max_tokens: int | None = None,
    client_options: Mapping[str, Any] | None = None,
) -> AsyncIterator[Enriched]:
    path = folder / "gleanery.db"
    async with (
        EmbeddedStore(path, lambda changes: None) as store,
        Database(path, lambda changes: None) as database,
        chat_server(answer) as server,
    ):
        enrich, embedder = SqliteEnrich(database), CountingEmbedder()
        client = ChatClient("gpt-test", "sk-test", base_url=server.base_url, sleep=_no_sleep, **(client_options or {}))
        vectors = Vectors(store.vectors, embedder)
        await vectors.load()
        ready = ReadyVectors(vectors, store.vectors)
        handler = EnrichSourceHandler(enrich, client, ready, parts=parts, max_tokens=max_tokens)
        yield Enriched(store, database, enrich, server, client, embedder, vectors, handler)
        await client.aclose()


async def _no_sleep(_: float) -> None:
    await asyncio.sleep(0)
