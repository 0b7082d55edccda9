"""The flags of the commands that write and read files: export, import, backup, restore."""

from __future__ import annotations

import argparse
from typing import Any

_SERVER = "a running server, such as http://127.0.0.1:8181"


def add_export(commands: Any) -> None:
    parser = _parser(
        commands,
        "export",
        help="write a source to a file, for another gleanery",
        description="Write a source with its pages, chunks, vectors and code to one file, which `gleanery import` takes in.",
        epilog="""\
examples:
  gleanery export docs.example.org docs.gleanery.zip
  gleanery export src_0123456789abcdef01234567 docs.gleanery.zip --force""",
    )
    parser.add_argument("source", metavar="SOURCE", help="its id, URL or host")
    _file(parser, "where to write it")
    _force(parser, "replace the file if it is there")
    _connection(parser)


def add_import(commands: Any) -> None:
    parser = _parser(
        commands,
        "import",
        help="take in a source that was exported",
        description="Take in a file that `gleanery export` wrote, without crawling anything, and follow it to its end.",
        epilog="""\
examples:
  gleanery import docs.gleanery.zip
  gleanery import docs.gleanery.zip --replace --quiet""",
    )
    _file(parser, "what `gleanery export` wrote")
    parser.add_argument("--replace", action="store_true", help="take the place of a source of the same URL")
    parser.add_argument("--quiet", "-q", action="store_true", help="only the summary at the end")
    _connection(parser)


def add_backup(commands: Any) -> None:
    parser = _parser(
        commands,
        "backup",
        help="write everything that is kept to a file, also while a server runs",
        description="""\
Write everything in the data folder to one file: the database as it is at one moment, uploads that wait, the secret of the
webhooks. A server on the folder goes on as if nothing were. Without --server the folder itself is read. With SUPABASE_URL,
and without --data-dir, it is what the project has, read over GLEANERY_DATABASE_URL; the file is the same.""",
        epilog="""\
examples:
  gleanery backup /backups/monday.zip --force
  gleanery backup here.zip --server https://docs.internal:8181""",
    )
    _file(parser, "where to write it")
    _force(parser, "replace the file if it is there")
    _connection(parser)


def add_restore(commands: Any) -> None:
    parser = _parser(
        commands,
        "restore",
        help="make a data folder of a backup",
        description="""\
Unpack a backup into the data folder, which no server may use. All of it is checked before anything is touched. What was there
is put aside with --force; nothing is deleted.""",
        epilog="""\
examples:
  gleanery restore monday.zip --data-dir ./restored
  gleanery restore monday.zip --force""",
    )
    _file(parser, "what `gleanery backup` wrote")
    _force(parser, "put aside what the folder has")
    _data_dir(parser)
    parser.add_argument("--json", action="store_true", help="JSON on standard output, for scripts")


def _parser(commands: Any, name: str, **options: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options
    )
    return parser


def _file(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("file", metavar="FILE", help=help)


def _force(parser: argparse.ArgumentParser, help: str) -> None:
    parser.add_argument("--force", action="store_true", help=help)


def _data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", metavar="DIR", help="folder of everything the server keeps (GLEANERY_DATA_DIR)")


def _connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help=_SERVER)
    _data_dir(parser)
    parser.add_argument("--json", action="store_true", help="JSON on standard output, for scripts")
