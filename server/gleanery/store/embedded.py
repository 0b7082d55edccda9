"""`EmbeddedStore`: the parts of the contract over one SQLite file."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from gleanery.model import Clock, utc_now
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_compliance import SqliteCompliance
from gleanery.store.sqlite_crawls import SqliteCrawls
from gleanery.store.sqlite_enrich import SqliteEnrich
from gleanery.store.sqlite_generations import SqliteGenerations
from gleanery.store.sqlite_holdings import SqliteHoldings
from gleanery.store.sqlite_hosts import SqliteHosts
from gleanery.store.sqlite_knowledge import SqliteKnowledge
from gleanery.store.sqlite_outbox import SqliteOutbox
from gleanery.store.sqlite_parses import SqliteParses
from gleanery.store.sqlite_portable import SqlitePortable
from gleanery.store.sqlite_saved_queries import SqliteSavedQueries
from gleanery.store.sqlite_schedules import SqliteSchedules
from gleanery.store.sqlite_search import SqliteSearch
from gleanery.store.sqlite_stories import SqliteStories
from gleanery.store.sqlite_tasks import SqliteTasks
from gleanery.store.sqlite_traces import SqliteTraces
from gleanery.store.sqlite_vectors import SqliteVectors
from gleanery.store.sqlite_workers import SqliteWorkers
from gleanery.store.values import OnChange


class EmbeddedStore:
    """`Store` over SQLite. `on_change` hears every change to a task, in the loop, in the order of the commits."""

    def __init__(self, path: Path, on_change: OnChange, clock: Clock = utc_now) -> None:
        self._db = Database(path, on_change, clock)
        self.clock = clock
        self.processes = None
        self.tasks = SqliteTasks(self._db)
        self.crawls = SqliteCrawls(self._db)
        self.knowledge = SqliteKnowledge(self._db)
        self.holdings = SqliteHoldings(self._db)
        self.generations = SqliteGenerations(self._db)
        self.search = SqliteSearch(self._db)
        self.nearest = None
        self.enrich = SqliteEnrich(self._db)
        self.saved_queries = SqliteSavedQueries(self._db)
        self.parses = SqliteParses(self._db)
        self.compliance = SqliteCompliance(self._db)
        self.stories = SqliteStories(self._db)
        self.portable = SqlitePortable(self._db)
        self.vectors = SqliteVectors(self._db)
        self.schedules = SqliteSchedules(self._db)
        self.outbox = SqliteOutbox(self._db)
        self.workers = SqliteWorkers(self._db)
        self.hosts = SqliteHosts(self._db)
        self.traces = SqliteTraces(self._db)

    async def __aenter__(self) -> Self:
        await self._db.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._db.__aexit__(*exc)

    def end_within(self, seconds: float) -> None:
        """The database is in this process."""

    async def health(self) -> str:
        await self._db.read(lambda db: db.execute("SELECT 1 FROM task LIMIT 1").fetchone())
        wal = self._db.path.with_name(f"{self._db.path.name}-wal")
        size = self._db.path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)
        return f"SQLite, {size / 1_000_000:.1f} MB"
