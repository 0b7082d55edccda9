"""The flags of `gleanery move`."""

from __future__ import annotations

import argparse
from typing import Any


def add_move(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "move",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        help="move everything that is kept to Supabase, or back to a file",
        description="""\
Copy a whole store: sources, pages, chunks, vectors, tasks, events, schedules, parsed pages, traces, reports, stories.
--to supabase reads gleanery.db in the data folder and fills the project's PostgreSQL; --to sqlite does the opposite.
The folder is GLEANERY_DATA_DIR (--data-dir), the PostgreSQL is GLEANERY_DATABASE_URL (--database-url): a connection of its
own or a pooler's in session mode, as Supabase shows them under Connect. SUPABASE_URL is not needed.

Stop every server and worker first; while it is moved nobody can write to the store. The goal must be empty: the schema is
made as `gleanery migrate` makes it, and a folder must have no gleanery.db. When it is broken off, run the same again: it
goes on where it was. At the end each row is read from both stores and compared. What is moved stays as it was; a task
that waited or ran goes on when a server starts on the other store.""",
        epilog="""\
examples:
  GLEANERY_DATABASE_URL=postgresql://… gleanery move --to supabase
  gleanery move --to sqlite --data-dir ./from-supabase""",
    )
    parser.add_argument("--to", required=True, choices=("supabase", "sqlite"), help="where everything shall be")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of everything the server keeps (GLEANERY_DATA_DIR)")
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="the project's PostgreSQL; better from GLEANERY_DATABASE_URL: a process list shows what stands here",
    )
    parser.add_argument("--afresh", action="store_true", help="drop what an unfinished move has copied, and begin anew")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, for scripts")
