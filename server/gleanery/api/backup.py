"""`POST /backup`: everything that the server keeps, as it is now, as one file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from aiohttp import web

from gleanery import __version__, errors
from gleanery.api.route import Route
from gleanery.api.sending import made_file, send_file
from gleanery.model import utc_now
from gleanery.store.backup import make_backup


class BackupApi:
    """The route. The file is made in `data_dir` and goes when it is sent."""

    def __init__(self, data_dir: Path, *, is_kept_elsewhere: bool = False) -> None:
        self._data_dir = data_dir
        self._is_kept_elsewhere = is_kept_elsewhere

    def routes(self) -> Sequence[Route]:
        return (
            Route(
                "POST",
                "/api/v1/backup",
                self.backup,
                "Everything that the server keeps, as one file (zip), which `gleanery restore` makes a data folder of",
                "server",
                None,
                errors=(404, 409, 507),
            ),
        )

    async def backup(self, request: web.Request) -> web.StreamResponse:
        if self._is_kept_elsewhere:
            raise errors.WrongState(
                "This server keeps everything in Supabase: run `gleanery backup` with GLEANERY_DATABASE_URL, or back up the"
                " project by its own means."
            )
        now = utc_now()

        def make(path: Path, check: Callable[[], None]) -> None:
            make_backup(self._data_dir, path, made_by=__version__, now=now, on_step=lambda *_: check())

        async with made_file(self._data_dir, make) as file:
            return await send_file(request, file, f"gleanery-{now:%Y-%m-%dT%H%M%S}.backup.zip")
