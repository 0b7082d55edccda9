"""`/health`: whether the server lives, and how its parts are."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime

from aiohttp import web

from gleanery import __version__, errors
from gleanery.api import wire
from gleanery.api.http import answer
from gleanery.api.route import Route
from gleanery.config import EmbedderKind, Settings
from gleanery.engine.worker import Worker
from gleanery.knowledge import minilm
from gleanery.knowledge.vectors import Vectors
from gleanery.store.base import Store

_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


class HealthApi:
    """The route."""

    def __init__(
        self,
        store: Store,
        worker: Worker,
        vectors: Vectors | None,
        settings: Settings,
        *,
        example_url: str,
        started_at: datetime,
    ) -> None:
        self._store = store
        self._worker = worker
        self._vectors = vectors
        self._settings = settings
        self._example_url = example_url
        self._started_at = started_at

    def routes(self) -> Sequence[Route]:
        return (Route("GET", "/health", self.health, "Whether the server lives, and its parts", "health", wire.Health),)

    async def health(self, _: web.Request) -> web.Response:
        parts = {
            "database": await self._database(),
            "embedder": self._embedder(),
            "browser": self._browser(),
            "worker": wire.PartHealth(
                status="ok", message=f"{self._worker.running} of {self._worker.concurrency} tasks at once"
            ),
        }
        is_ok = all(part.status in ("ok", "off") for part in parts.values())
        shape = wire.Health(
            status="ok" if is_ok else "degraded",
            version=__version__,
            started_at=self._started_at,
            parts=parts,
            example_url=self._example_url,
            needs_key=bool(self._settings.api_keys),
        )
        return answer(shape)

    async def _database(self) -> wire.PartHealth:
        try:
            return wire.PartHealth(status="ok", message=await self._store.health())
        except errors.StorageError as error:
            return wire.PartHealth(status="failed", message=error.message)

    def _embedder(self) -> wire.PartHealth:
        if self._vectors is None:
            return wire.PartHealth(status="off", message="Off: search finds by words")
        if self._settings.embedder_kind is EmbedderKind.LOCAL and not minilm.is_built(self._settings.model_dir):
            return wire.PartHealth(
                status="degraded", message="The local model is missing: 'make setup' builds it. Search finds by words"
            )
        return wire.PartHealth(status="ok", message=f"{self._vectors.model}, {len(self._vectors.index):,} vectors")

    def _browser(self) -> wire.PartHealth:
        """Only looked for: pages are read over HTTP."""
        named = self._settings.browser
        found = (
            str(named)
            if named is not None
            else next((path for name in _BROWSERS if (path := shutil.which(name))), None)
        )
        return (
            wire.PartHealth(status="ok", message=found)
            if found
            else wire.PartHealth(status="off", message="None found; pages are read over HTTP")
        )
