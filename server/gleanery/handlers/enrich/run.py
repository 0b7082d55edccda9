"""One attempt of an `enrich_source` task: what lacks something is asked about, page by page, and written as answers come.

What is written or kept as an answer is never asked again, so an attempt that is stopped anywhere loses only the questions
under way. A chunk takes up its context together with the text that is embedded for it, once that has its vector: until
then it is found by its old text, by words and by meaning.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from gleanery.agents import enrich
from gleanery.agents.asking import Asking, BudgetSpent, Kind
from gleanery.agents.enrich import Batch, EnrichPart, Item, batches, site_of
from gleanery.agents.messages import Message
from gleanery.engine.handler import TaskContext
from gleanery.errors import ChatError
from gleanery.handlers.enrich.tally import Tally
from gleanery.model import EventType, Fence, NewEvent
from gleanery.store.enriching import (
    ChunkToPlace,
    CodeToName,
    EnrichStore,
    KeptAnswer,
    NewContext,
    NewSummary,
    PageSetting,
)
from gleanery.store.values import ChunkText

SLICE_ITEMS = 96
"""Items that are read, asked about and written together: some requests side by side, little memory."""
WRITE_ROWS = 32
"""Rows of one transaction: others never wait long for it."""
TELL_SECONDS = 0.25

A = TypeVar("A", bound=BaseModel)


class TextVectors(Protocol):
    """Vectors for texts that no chunk has yet."""

    async def make_ready(self, fence: Fence, source_id: str, texts: Sequence[ChunkText]) -> str | None:
        """Vectors of these texts are stored and in the index when it returns; the model that they are of, None when search
        goes by words alone. A text that the embedder refuses stays without. Raises EmbedError."""
        ...


@dataclass(frozen=True)
class _Work(Generic[Item, A]):
    """One kind of items: how they are found, asked about and written."""

    part: EnrichPart
    slice: Callable[[int], Awaitable[Sequence[Item]]]
    key: Callable[[str, str, Item], bytes]
    question: Callable[[Batch[Item], PageSetting, str], Sequence[Message]]
    form: type[A]
    taken: Callable[[A, Batch[Item]], Mapping[int, Any]]
    write: Callable[[Sequence[tuple[Item, Any]]], Awaitable[int]]


class EnrichRun:
    """The work on one source. `tally` is what it comes to."""

    def __init__(
        self,
        ctx: TaskContext,
        store: EnrichStore,
        vectors: TextVectors | None,
        asking: Asking,
        source_id: str,
        tally: Tally,
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._vectors = vectors
        self._asking = asking
        self._source_id = source_id
        self._told_at = 0.0
        self._embedded = 0
        self.tally = tally

    async def contexts(self) -> None:
        await self._all(
            _Work(
                EnrichPart.CONTEXT,
                lambda after: self._store.chunks_to_place(self._source_id, after=after, limit=SLICE_ITEMS),
                enrich.context_key,
                enrich.context_question,
                enrich.PlacedPassages,
                enrich.placed,
                self._write_contexts,
            )
        )

    async def summaries(self) -> None:
        await self._all(
            _Work(
                EnrichPart.CODE,
                lambda after: self._store.code_to_name(self._source_id, after=after, limit=SLICE_ITEMS),
                enrich.code_key,
                enrich.code_question,
                enrich.NamedExamples,
                enrich.named,
                self._write_summaries,
            )
        )

    async def description(self) -> None:
        """Asked again only when the titles of the source's pages are others."""
        source = await self._store.source_setting(self._source_id)
        key = enrich.source_key(self._asking.client.model, source)
        known = await self._store.answers([key])
        if key in known:
            text = known[key] or ""
            self.tally.cached(EnrichPart.SOURCE, int(bool(text)))
            self.tally.failed(EnrichPart.SOURCE, count=int(not text))
        elif not source.pages:
            return
        else:
            text = await self._describe(key, enrich.source_question(source, self._asking.new_marker()))
        if text and text != source.description:
            await self._store.describe_source(self._ctx.fence, self._source_id, text)
        self.tally.note_spent(self._asking.budget.spent, self._asking.requests)
        await self._tell(EnrichPart.SOURCE, is_last=True)

    async def _describe(self, key: bytes, question: Sequence[Message]) -> str:
        try:
            answer, usage = await self._asking.ask(question, enrich.Described, 1)
        except BudgetSpent:
            self.tally.unasked(EnrichPart.SOURCE, 1)
            return ""
        except ChatError as error:
            if not error.about_the_question:
                raise
            self.tally.failed(EnrichPart.SOURCE, error)
            return ""
        text = enrich.described(answer)
        kept = self._kept(EnrichPart.SOURCE, key, text or None, usage.prompt_tokens, usage.completion_tokens)
        await self._store.keep_answers(self._ctx.fence, [kept])
        self.tally.done(EnrichPart.SOURCE, int(bool(text)))
        self.tally.failed(EnrichPart.SOURCE, count=int(not text))
        return text

    async def _all(self, work: _Work[Item, A]) -> None:
        after = 0
        while not self.tally.is_spent and (items := await work.slice(after)):
            after = items[-1].row
            pages = await self._store.settings(sorted({item.page_row for item in items}))
            items = [item for item in items if item.page_row in pages]
            keys = await asyncio.to_thread(self._keys, work, items, pages)
            known = await self._store.answers(sorted(set(keys.values())))
            found = [(item, known[keys[item.row]]) for item in items if known.get(keys[item.row])]
            self.tally.cached(work.part, await self._write(work, found))
            useless = sum(key in known and not known[key] for key in keys.values())
            self.tally.failed(work.part, count=useless)
            unknown = [item for item in items if keys[item.row] not in known]
            try:
                await self._ask_all(work, unknown, keys, pages)
            finally:  # also what failed was charged for
                self.tally.note_spent(self._asking.budget.spent, self._asking.requests)
                await self._tell(work.part, is_last=True)

    def _keys(
        self, work: _Work[Item, A], items: Sequence[Item], pages: Mapping[int, PageSetting]
    ) -> Mapping[int, bytes]:
        model = self._asking.client.model
        return {item.row: work.key(model, site_of(pages[item.page_row].url), item) for item in items}

    async def _ask_all(
        self,
        work: _Work[Item, A],
        items: Sequence[Item],
        keys: Mapping[int, bytes],
        pages: Mapping[int, PageSetting],
    ) -> None:
        """All requests side by side (the client bounds how many at once). One that fails for good doesn't take along what
        the others have been charged for."""
        first: dict[bytes, Item] = {}
        for item in items:
            first.setdefault(keys[item.row], item)  # what occurs twice is asked once; the next attempt finds it kept
        asked = [self._ask(work, batch, keys, pages) for batch in batches(list(first.values()))]
        ends = await asyncio.gather(*asked, return_exceptions=True)
        values: dict[bytes, Any] = {}
        for end in ends:
            if not isinstance(end, BaseException):
                values |= end
        found = [(item, values[keys[item.row]]) for item in items if keys[item.row] in values]
        self.tally.done(work.part, await self._write(work, found))
        for end in ends:
            if isinstance(end, BaseException):
                raise end

    async def _ask(
        self,
        work: _Work[Item, A],
        batch: Batch[Item],
        keys: Mapping[int, bytes],
        pages: Mapping[int, PageSetting],
    ) -> Mapping[bytes, Any]:
        """Answers by key; kept before they are used."""
        page = pages[batch.page_row]
        kind = Kind(lambda part, marker: work.question(part, page, marker), work.form, work.taken)
        answered = await self._asking.about(batch, kind)
        values = {keys[row]: value for row, value in answered.values.items()}
        useless = [keys[row] for row in answered.failed] if self._asking.is_trusted else []
        share = max(1, len(values))
        prompt, completion = answered.usage.prompt_tokens // share, answered.usage.completion_tokens // share
        kept = [self._kept(work.part, key, value, prompt, completion) for key, value in values.items()]
        kept += [self._kept(work.part, key, None, 0, 0) for key in useless]
        if kept:
            await self._store.keep_answers(self._ctx.fence, kept)
        self.tally.unasked(work.part, answered.unasked)
        for error in answered.failed.values():
            self.tally.failed(work.part, error)
        self.tally.note_spent(self._asking.budget.spent, self._asking.requests)
        await self._tell(work.part)
        return values

    def _kept(self, part: EnrichPart, key: bytes, value: Any, prompt: int, completion: int) -> KeptAnswer:
        return KeptAnswer(key, part, self._asking.client.model, value, prompt, completion)

    # Writing

    async def _write(self, work: _Work[Item, A], found: Sequence[tuple[Item, Any]]) -> int:
        """How many took it up. Not those whose new text can't be embedded, and which search would then lose."""
        written = 0
        for start in range(0, len(found), WRITE_ROWS):
            written += await work.write(found[start : start + WRITE_ROWS])
        self.tally.failed(work.part, count=len(found) - written)
        return written

    async def _write_contexts(self, found: Sequence[tuple[ChunkToPlace, Any]]) -> int:
        fence = self._ctx.fence
        contexts = [NewContext(chunk.row, chunk.chunk_id, str(context)) for chunk, context in found]
        model = None
        if self._vectors is not None:
            texts = await self._store.new_texts(fence, contexts)
            model = await self._vectors.make_ready(fence, self._source_id, texts)
        added = await self._store.add_contexts(fence, model, contexts)
        self._embedded += added if model is not None else 0
        return added

    async def _write_summaries(self, found: Sequence[tuple[CodeToName, Any]]) -> int:
        summaries = [NewSummary(code.row, code.code_id, str(name), str(summary)) for code, (name, summary) in found]
        return await self._store.add_summaries(self._ctx.fence, summaries)

    async def _tell(self, part: EnrichPart, *, is_last: bool = False) -> None:
        now = time.monotonic()
        if is_last or now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            progress = self.tally.progress(part)
            count = progress.stages[part]
            data = {"stage": str(part), "done": count.done, "total": count.total}
            events = [NewEvent(EventType.TASK_PROGRESSED, progress.message, data)]
            if self._embedded:  # other processes bring their indexes into step by it
                told = {"pages": 0, "chunks": self._embedded}
                message = f"embedded {self._embedded} chunks with their contexts"
                events.append(NewEvent(EventType.PAGES_EMBEDDED, message, told))
                self._embedded = 0
            await self._ctx.report(progress, *events)
