"""The parts of the contract over one Supabase project."""

from __future__ import annotations

from typing import Self

from gleanery import errors
from gleanery.model import Clock
from gleanery.store.supabase import migrations
from gleanery.store.supabase.client import PATIENCE_SECONDS, Rest
from gleanery.store.supabase.compliance import SupabaseCompliance
from gleanery.store.supabase.crawls import SupabaseCrawls
from gleanery.store.supabase.enrich import SupabaseEnrich
from gleanery.store.supabase.generations import SupabaseGenerations
from gleanery.store.supabase.holdings import SupabaseHoldings
from gleanery.store.supabase.hosts import SupabaseHosts
from gleanery.store.supabase.knowledge import SupabaseKnowledge
from gleanery.store.supabase.outbox import SupabaseOutbox
from gleanery.store.supabase.parses import SupabaseParses
from gleanery.store.supabase.portable import SupabasePortable
from gleanery.store.supabase.processes import SupabaseProcesses
from gleanery.store.supabase.saved_queries import SupabaseSavedQueries
from gleanery.store.supabase.schedules import SupabaseSchedules
from gleanery.store.supabase.search import SupabaseSearch
from gleanery.store.supabase.stories import SupabaseStories
from gleanery.store.supabase.tasks import SupabaseTasks
from gleanery.store.supabase.telling import LONGEST_WAIT_SECONDS as TELLING_WAIT_SECONDS
from gleanery.store.supabase.traces import SupabaseTraces
from gleanery.store.supabase.vectors import SupabaseVectors
from gleanery.store.supabase.workers import SupabaseWorkers
from gleanery.store.values import OnChange


class SupabaseStore:
    """`Store` over Supabase. `on_change` hears what this process changes of tasks, in the loop, in the events' order
    as long as no change waits for an earlier one for more than `telling_wait_seconds`.

    Without a `clock` all times are the database's.
    """

    def __init__(
        self,
        url: str,
        key: str,
        on_change: OnChange,
        clock: Clock | None = None,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        telling_wait_seconds: float = TELLING_WAIT_SECONDS,
    ) -> None:
        self._rest = Rest(
            url, key, on_change, clock, patience_seconds=patience_seconds, telling_wait_seconds=telling_wait_seconds
        )
        self.tasks = SupabaseTasks(self._rest)
        self.crawls = SupabaseCrawls(self._rest)
        self.knowledge = SupabaseKnowledge(self._rest)
        self.generations = SupabaseGenerations(self._rest)
        self.holdings = SupabaseHoldings(self._rest)
        self.saved_queries = SupabaseSavedQueries(self._rest)
        self.vectors = SupabaseVectors(self._rest)
        self.search = self.nearest = SupabaseSearch(self._rest)
        self.enrich = SupabaseEnrich(self._rest)
        self.portable = SupabasePortable(self._rest, self.knowledge)
        self.parses = SupabaseParses(self._rest)
        self.traces = SupabaseTraces(self._rest)
        self.stories = SupabaseStories(self._rest)
        self.compliance = SupabaseCompliance(self._rest)
        self.schedules = SupabaseSchedules(self._rest)
        self.outbox = SupabaseOutbox(self._rest)
        self.workers = SupabaseWorkers(self._rest)
        self.hosts = SupabaseHosts(self._rest)
        self.processes = SupabaseProcesses(self._rest)

    @property
    def clock(self) -> Clock:
        return self._rest.clock

    async def __aenter__(self) -> Self:
        """Raises StorageError when the database has not the schema of this gleanery, or not yet all that is moved to it."""
        await self._rest.__aenter__()
        try:
            schema = await self._rest.call("schema")
            migrations.check(schema["migrations"])
            if schema["is_moving"]:
                raise errors.StorageError(
                    "A move to this database was begun and is not finished: run `gleanery move --to supabase` again."
                )
            await self._rest.start_telling()
        except BaseException:
            await self._rest.__aexit__()
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._rest.__aexit__(*exc)

    async def health(self) -> str:
        found = await self._rest.probe("health")
        return f"Supabase, PostgreSQL {found['version']}, {found['size_bytes'] / 1_000_000:.1f} MB"

    def end_within(self, seconds: float) -> None:
        self._rest.end_within(seconds)
