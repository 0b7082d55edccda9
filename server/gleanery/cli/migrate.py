"""`gleanery migrate`: bring a Supabase project to the schema of this gleanery, or print what does."""

from __future__ import annotations

import json
from argparse import Namespace

from gleanery import config, errors
from gleanery.cli.exits import Exit
from gleanery.store.supabase import migrations


def migrate(args: Namespace) -> Exit:
    """Apply what is missing over GLEANERY_DATABASE_URL. Raises InvalidInput without it, StorageError when it doesn't work."""
    if args.print:
        print(migrations.script(), end="")
        return Exit.COMPLETE
    url = config.load(database_url=args.database_url).database_url
    if url is None:
        raise errors.InvalidInput(
            "GLEANERY_DATABASE_URL",
            "say where the project's PostgreSQL is (Supabase shows it under Connect), or take `gleanery migrate --print`"
            " for the SQL editor",
        )
    applied = migrations.apply(url.get_secret_value())
    if args.json:
        print(json.dumps({"applied": list(applied)}))
    elif applied:
        print("\n".join([f"Applied {len(applied)} migrations:", *(f"  {name}" for name in applied)]))
    else:
        print("The database has this schema already: nothing was done.")
    return Exit.COMPLETE
