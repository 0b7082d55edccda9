"""`gleanery move`: everything that is kept goes from a file to Supabase, or back."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from gleanery import config, errors, place
from gleanery.cli.exits import Exit
from gleanery.cli.move_view import view
from gleanery.cli.safe_text import one_line
from gleanery.store.moving.ends import Goal, Reader
from gleanery.store.moving.move import Moved
from gleanery.store.moving.move import move as move_rows
from gleanery.store.moving.plan import plan
from gleanery.store.moving.sqlite_end import sqlite_goal, sqlite_source
from gleanery.store.presence import is_used
from gleanery.store.supabase.moving import postgres_goal, postgres_source


def move(args: Namespace) -> Exit:
    """Move a store. Raises InvalidInput for a setting, WrongState while somebody works on it or where the goal is not empty."""
    settings = config.load(data_dir=args.data_dir, database_url=args.database_url)
    if settings.database_url is None:
        raise errors.InvalidInput(
            "GLEANERY_DATABASE_URL", "say where the project's PostgreSQL is (Supabase shows it under Connect)"
        )
    began = time.monotonic()
    with _alone(settings.data_dir):
        try:
            moved, names = _move(args, settings.data_dir, settings.database_url.get_secret_value())
        except KeyboardInterrupt:
            print("Broken off: what was copied stays. Run the same again, and it goes on.", file=sys.stderr)
            raise
    if args.json:
        print(json.dumps({**_told(moved), "from": names[0], "to": names[1], "is_complete": not moved.differences}))
    else:
        _say(args.to, moved, names, time.monotonic() - began, settings.data_dir)
    return Exit.FAILED if moved.differences else Exit.COMPLETE


@contextlib.contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    with place.locked(data_dir):
        if is_used(data_dir / "workers"):
            raise errors.WrongState(f"A worker uses {data_dir}: stop it first.")
        yield


def _move(args: Namespace, data_dir: Path, url: str) -> tuple[Moved, tuple[str, str]]:
    """How it went, and the names of both ends."""
    with contextlib.ExitStack() as stack:
        source: Reader
        goal: Goal
        if args.to == "supabase":
            source, goal = stack.enter_context(sqlite_source(data_dir)), stack.enter_context(postgres_goal(url))
            tables = plan(source.columns(), goal.columns())
        else:
            source, goal = stack.enter_context(postgres_source(url)), stack.enter_context(sqlite_goal(data_dir))
            tables = plan(goal.columns(), source.columns())
        listener = stack.enter_context(view(args, f"{source.name} → {goal.name}"))
        return move_rows(source, goal, tables, listener, is_afresh=args.afresh), (source.name, goal.name)


def _told(moved: Moved) -> dict[str, object]:
    return {
        "rows": dict(moved.rows),
        "copied": moved.copied,
        "replaced": moved.replaced,
        "has_gone_on": moved.has_gone_on,
        "differences": list(moved.differences),
    }


def _say(to: str, moved: Moved, names: tuple[str, str], seconds: float, data_dir: Path) -> None:
    source, goal = names
    if moved.differences:
        for line in moved.differences:
            print(one_line(f"! {line}"), file=sys.stderr)
        print(
            one_line(
                f"The rows of {goal} are not those of {source}: the move is not finished, and no server works with it."
                " Has something changed the source meanwhile? Run it once more with --afresh."
            ),
            file=sys.stderr,
        )
        return
    filled = sum(count > 0 for count in moved.rows.values())
    total = sum(moved.rows.values())
    print(one_line(f"Moved {total} rows of {filled} tables from {source} to {goal} in {seconds:.1f} s; all compared."))
    if moved.replaced:
        print(f"{moved.replaced} rows had NUL characters, which PostgreSQL can't keep: U+FFFD is there instead.")
    print(one_line(_next(to, source, data_dir)))


def _next(to: str, source: str, data_dir: Path) -> str:
    if to == "supabase":
        return (
            f"{source} stays as it was. From now on start servers and workers with SUPABASE_URL and SUPABASE_SERVICE_KEY;"
            f" files of uploads that wait are still in {data_dir}."
        )
    return (
        f"What is in {source} stays as it was. From now on start servers and workers without SUPABASE_URL. Files of uploads"
        " that wait are in the data folder of the machine that took them: copy them."
    )
