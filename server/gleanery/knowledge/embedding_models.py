"""Which embedder search goes by, and how another takes its place while search goes on.

The store says which model is active, which is being built, which was before; every process goes by that. Vectors of the next
model are made beside those in use, and when nothing visible lacks one the next is active, in one transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from gleanery import errors, log
from gleanery.config import EmbedderKind
from gleanery.errors import EmbedWrongDimensions
from gleanery.knowledge.embedders import pricing
from gleanery.knowledge.embedders.embedder import PROBE_TEXT, Embedder
from gleanery.knowledge.embedders.factory import MakeEmbedder
from gleanery.knowledge.embedders.options import EmbedderOptions
from gleanery.knowledge.vectors import Model, Vectors, text_to_embed
from gleanery.store.vector_store import Coverage, ModelState, StoredModel, TextFailure, VectorStore

_log = log.get(__name__)

SAMPLE = 1000
"""Texts whose tokens are counted for an estimate; more are reckoned up from them."""
PROBE_SECONDS = 30.0
ORPHANS_AT_ONCE = 200
SHOWN_FAILURES = 20


@dataclass(frozen=True)
class Estimate:
    """What embedding with some options would take. `is_exact` tells whether each text's tokens were counted."""

    model: str
    texts: int
    tokens: int
    is_exact: bool
    cost_usd: float | None
    seconds: float


@dataclass(frozen=True)
class Outlay:
    """What it would take to embed texts that are not there yet. `cost_usd` is None where the price isn't known."""

    model: str
    cost_usd: float | None
    seconds: float


@dataclass(frozen=True)
class ModelStatus:
    """A model with what there is of its vectors."""

    stored: StoredModel
    coverage: Coverage
    failures: tuple[TextFailure, ...] = ()


class EmbeddingModels:
    """Keeps `vectors` at what the store says is active; `make` makes embedders."""

    def __init__(self, store: VectorStore, vectors: Vectors, make: MakeEmbedder) -> None:
        self._store = store
        self._vectors = vectors
        self._make = make
        self._syncing = asyncio.Lock()
        self._used: StoredModel | None = None
        self._building: tuple[Mapping[str, Any], Model] | None = None
        self._made: dict[str, Embedder] = {}
        vectors.sync = self.sync

    async def aclose(self) -> None:
        for embedder in self._made.values():
            await embedder.aclose()

    # The life of a process

    async def start(self, environment: EmbedderOptions, *, may_change: bool = True) -> None:
        """Go on with what is stored; where the environment asks for something else than when that was set, change to it. A
        process that may not change anything only follows, unless nothing is stored."""
        stored = await self._by_state()
        latest = stored.get(ModelState.BUILDING) or stored.get(ModelState.ACTIVE)
        asked = environment.model_dump(mode="json")
        if latest is None or (may_change and not _is_of(latest.environment, environment)):
            await self._propose(environment, asked)
        await self.sync()
        if may_change and self._vectors.active is None:
            await self._take_what_is_built()

    async def sync(self) -> None:
        """Bring this process to the active model of the store."""
        async with self._syncing:
            active = (await self._by_state()).get(ModelState.ACTIVE)
            if active is None or (self._used is not None and _is_same(self._used, active)):
                return
            self._vectors.problem = None
            try:
                embedder = await self._embedder(active)
            except errors.InvalidInput as error:
                embedder = None
                self._vectors.problem = f"{active.name} can't be used: {error.reason}. Search finds by words"
                _log.error("embedder not usable", extra={"model": active.name, "reason": error.reason})
            await self._vectors.use(embedder)
            self._used = active

    async def _embedder(self, stored: StoredModel) -> Embedder | None:
        """The one of these options, which all who use them share with its limits; None for no embedder at all. Raises
        InvalidInput."""
        options = options_from(stored.options)
        if options.kind is EmbedderKind.NONE:
            return None
        key = options.model_dump_json()
        if key not in self._made:
            self._made[key] = await self._make(options, await self._store.dimensions(stored.name))
        return self._made[key]

    # A change

    async def check(self, options: EmbedderOptions) -> None:
        """Really embed a short text with these options. Raises InvalidInput and EmbedError, each saying what is wrong."""
        if options.kind is EmbedderKind.NONE:
            return
        embedder = await self._make(options, await self._store.dimensions(options.name))
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(embedder.aclose)
            try:
                async with asyncio.timeout(PROBE_SECONDS):
                    vector = (await embedder.embed([PROBE_TEXT]))[0]
            except TimeoutError:
                raise errors.EmbedUnavailable(f"No vector came within {PROBE_SECONDS:g} s.", retry_after=None) from None
        if options.dimensions is not None and len(vector) != options.dimensions:
            raise EmbedWrongDimensions(
                f"{options.model!r} gives vectors of {len(vector)} dimensions, not {options.dimensions}.",
                expected=options.dimensions,
                got=len(vector),
            )

    async def change_to(self, options: EmbedderOptions) -> ModelState:
        """Have search go by these options; building what lacks is left to tasks. Gives the model's state now."""
        stored = await self._by_state()
        latest = stored.get(ModelState.BUILDING) or stored.get(ModelState.ACTIVE)
        state = await self._propose(options, {} if latest is None else latest.environment)
        _log.info("embedder changed on request", extra={"model": options.name, "state": str(state)})
        await self.sync()
        if self._vectors.active is None:
            await self._take_what_is_built()
        return state

    async def _propose(self, options: EmbedderOptions, environment: Mapping[str, Any]) -> ModelState:
        state = await self._store.propose(options.name, options.model_dump(mode="json"), environment)
        _log.debug("embedder set", extra={"model": options.name, "state": str(state)})
        if state is ModelState.BUILDING and options.kind is EmbedderKind.NONE:
            await self._store.activate(options.name, is_forced=True)  # there is nothing to build
            return ModelState.ACTIVE
        return state

    async def _take_what_is_built(self) -> None:
        """Some vectors are better than none: where search has no embedder, it goes by the next at once."""
        building = (await self._by_state()).get(ModelState.BUILDING)
        if building is not None and await self._store.activate(building.name, is_forced=True):
            await self.sync()

    async def give_up(self) -> str:
        """Build the next model's vectors no more; its name. Raises NotFound when none is being built."""
        name = await self._store.give_up()
        if name is None:
            raise errors.NotFound("embedder", "building")
        return name

    async def building(self) -> Model | None:
        """The model whose vectors are to be made beside those in use. Raises InvalidInput where this process can't."""
        stored = (await self._by_state()).get(ModelState.BUILDING)
        if stored is None:
            self._building = None
            return None
        async with self._syncing:
            if self._building is None or self._building[0] != stored.options:
                embedder = await self._embedder(stored)
                if embedder is None:
                    return None
                self._building = (stored.options, Model(embedder))
            return self._building[1]

    async def activate(self, name: str) -> bool:
        """Have search go by the model that was built, if nothing visible lacks a vector of it."""
        if not await self._store.activate(name):
            return False
        _log.info("embedder changed", extra={"model": name})
        await self.sync()
        return True

    async def tidy(self) -> int:
        """Remove vectors of models that aren't kept any more, in steps; how many went."""
        removed = 0
        while more := await self._store.drop_orphans(ORPHANS_AT_ONCE):
            removed += more
        return removed

    # Looking

    async def status(self) -> Mapping[ModelState, ModelStatus]:
        return {
            state: ModelStatus(
                stored,
                await self._store.coverage(stored.name),
                tuple(await self._store.failures(stored.name, limit=SHOWN_FAILURES)),
            )
            for state, stored in (await self._by_state()).items()
        }

    async def estimate(self, options: EmbedderOptions, source_id: str | None) -> Estimate:
        """What it would take to embed all that lacks a vector under these options. Raises InvalidInput where they can't be
        used; asks no server."""
        lacking = (await self._store.coverage(options.name, source_id)).lacking
        if options.kind is EmbedderKind.NONE or lacking == 0:
            return Estimate(options.name, 0, 0, is_exact=True, cost_usd=0.0, seconds=0.0)
        sample = await self._store.texts_lacking(options.name, source_id, limit=SAMPLE)
        embedder = await self._make(options, None)
        try:
            counts = await asyncio.to_thread(_counted, embedder.count_tokens, sample)
        finally:
            await embedder.aclose()
        tokens = round(sum(counts) * lacking / len(counts)) if counts else 0
        return Estimate(
            options.name,
            lacking,
            tokens,
            is_exact=len(counts) >= lacking and pricing.is_counted_exactly(options),
            cost_usd=pricing.cost_usd(options, tokens),
            seconds=pricing.seconds_for(options, lacking, tokens),
        )

    async def outlay(self, texts: int, tokens: int) -> Outlay | None:
        """What so many new texts would take with the model that search goes by; None where it goes by words alone."""
        active = (await self._by_state()).get(ModelState.ACTIVE)
        if active is None or not self._vectors.is_on:
            return None
        options = options_from(active.options)
        return Outlay(options.name, pricing.cost_usd(options, tokens), pricing.seconds_for(options, texts, tokens))

    async def _by_state(self) -> dict[ModelState, StoredModel]:
        return {stored.state: stored for stored in await self._store.models()}


def options_from(stored: Mapping[str, Any]) -> EmbedderOptions:
    """Options as they were kept. Raises InvalidInput for what another gleanery has kept and this one can't read."""
    try:
        return EmbedderOptions.model_validate(stored)
    except ValidationError as error:
        first = error.errors()[0]
        raise errors.InvalidInput(".".join(map(str, first["loc"])) or "options", str(first["msg"])) from None


def _is_of(kept: Mapping[str, Any], environment: EmbedderOptions) -> bool:
    """Whether that is what the environment asked for before; options that a newer gleanery has besides were as they are."""
    try:
        return EmbedderOptions.model_validate(kept) == environment
    except ValidationError:
        return False


def _is_same(used: StoredModel, active: StoredModel) -> bool:
    return used.name == active.name and used.options == active.options


def _counted(count: Callable[[list[str]], list[int]], texts: Any) -> list[int]:
    return count([text_to_embed(text) for text in texts])
