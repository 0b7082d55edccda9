"""`gleanery backup` and `gleanery restore`: everything that a server keeps, as one file, and back."""

from __future__ import annotations

import contextlib
import json
from argparse import Namespace
from dataclasses import asdict
from pathlib import Path

from gleanery import __version__, config, errors, place
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import one_line
from gleanery.model import utc_now
from gleanery.store.backup import Backup, Restored, make_backup, read_backup, restore_backup


def backup(args: Namespace) -> Exit:
    """Back up the data folder, or the Supabase project that is set, whether a server runs on it or not; with --server, what
    that one keeps."""
    target = Path(args.file)
    if args.server is not None:
        from gleanery.cli import connect

        return connect.run(_download(args, target))
    settings = config.load(data_dir=args.data_dir)
    if settings.supabase_url is not None and args.data_dir is None:
        return _of_project(args, settings, target)
    data_dir = settings.data_dir
    try:
        made = make_backup(data_dir, target, made_by=__version__, now=utc_now(), is_replacing=args.force)
    except errors.NotFound:
        reason = f"there is nothing to back up in {data_dir}"
        raise errors.InvalidInput("GLEANERY_DATA_DIR", reason) from None
    _say(args, made, f"Backed up {data_dir} to {target}", file=str(target))
    return Exit.COMPLETE


def _of_project(args: Namespace, settings: config.Settings, target: Path) -> Exit:
    if settings.database_url is None:
        raise errors.InvalidInput(
            "GLEANERY_DATABASE_URL",
            f"everything is kept in Supabase: say where its PostgreSQL is, or back up the project by its own means"
            f" (what {settings.data_dir} has is backed up with --data-dir)",
        )
    from gleanery.cli.move_view import Silent, view
    from gleanery.cli.watch import is_live_terminal
    from gleanery.store.moving.project_backup import make_project_backup

    made = make_project_backup(
        settings.database_url.get_secret_value(),
        settings.data_dir,
        target,
        view(args, f"{settings.supabase_url} → {target}") if is_live_terminal() else contextlib.nullcontext(Silent()),
        made_by=__version__,
        now=utc_now(),
        is_replacing=args.force,
    )
    _say(args, made, f"Backed up {settings.supabase_url} to {target}", file=str(target))
    return Exit.COMPLETE


async def _download(args: Namespace, target: Path) -> Exit:
    from gleanery.cli import connect
    from gleanery.cli.transfer import download

    async with connect.connect_running(args, "No server runs.") as client:
        await download(client, "POST", "/api/v1/backup", target, is_replacing=args.force)
        _say(args, read_backup(target), f"Backed up {client.base_url} to {target}", file=str(target))
    return Exit.COMPLETE


def restore(args: Namespace) -> Exit:
    """Make a data folder of a backup. Raises InvalidInput for a file that is none, or while a server uses the folder."""
    settings = config.load(data_dir=args.data_dir)
    data_dir = settings.data_dir
    with place.locked(data_dir):
        done: Restored = restore_backup(Path(args.file), data_dir, now=utc_now(), is_forced=args.force)
    aside = f"; what was there is in {done.aside}" if done.aside else ""
    _say(
        args, done.backup, f"Restored {data_dir} from {args.file}{aside}", aside=str(done.aside) if done.aside else None
    )
    if settings.supabase_url is not None and not args.json:
        print(
            "It is in the folder, not in Supabase yet: `gleanery move --to supabase` brings it into an empty project."
        )
    return Exit.COMPLETE


def _say(args: Namespace, made: Backup, what: str, **more: str | None) -> None:
    if args.json:
        print(json.dumps({**asdict(made), "made_at": made.made_at.isoformat(), **more}))
        return
    rows = made.tables
    held = f"{rows.get('source', 0)} sources, {rows.get('page', 0)} pages, {rows.get('task', 0)} tasks"
    print(
        one_line(f"{what} ({held}, {made.size_bytes / 1_000_000:.1f} MB, as of {made.made_at:%Y-%m-%d %H:%M:%S} UTC).")
    )
