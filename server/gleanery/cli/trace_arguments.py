"""The flags of `gleanery traces`."""

from __future__ import annotations

import argparse
from typing import Any

_A_GROUP = "grp_0123456789abcdef01234567"


def add_traces(commands: Any) -> None:
    parser = commands.add_parser(
        "traces",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        help="send traces of model calls, and see the templates that they are",
        description="Send traces of model calls, and see the prompts that they were found to be.",
        epilog=f"""\
examples:
  gleanery traces send traces.jsonl
  gleanery traces list --project shop
  gleanery traces show {_A_GROUP}
  gleanery traces export {_A_GROUP} prompt.yaml
  gleanery traces delete shop --older-than 30""",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _send(actions)
    _list(actions)
    _show(actions)
    _export(actions)
    _delete(actions)


def _send(actions: Any) -> None:
    parser = _action(actions, "send", "store traces from JSON lines, as POST /api/v1/traces takes them")
    parser.add_argument("file", metavar="FILE", help="the lines; - reads standard input")
    _connection(parser)


def _list(actions: Any) -> None:
    parser = _action(actions, "list", "groups of traces, the largest first")
    parser.add_argument("--project", metavar="ID", help="only of this project")
    parser.add_argument("--path", metavar="PATH", help="only of this path")
    parser.add_argument("--limit", type=int, metavar="N", default=50, help="most groups (default 50)")
    _connection(parser)


def _show(actions: Any) -> None:
    parser = _action(actions, "show", "a group: its prompt, its variables, its implementations")
    parser.add_argument("group", metavar="GROUP_ID")
    _connection(parser)


def _export(actions: Any) -> None:
    parser = _action(actions, "export", "write a group's task definition as YAML")
    parser.add_argument("group", metavar="GROUP_ID")
    parser.add_argument("file", metavar="FILE", help="where to write it")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
    _connection(parser)


def _delete(actions: Any) -> None:
    parser = _action(actions, "delete", "take traces away for good, in the background")
    parser.add_argument("project", metavar="PROJECT_ID")
    parser.add_argument("--path", metavar="PATH", help="only of this path")
    parser.add_argument("--older-than", type=float, metavar="DAYS", help="only those that began so many days ago")
    _connection(parser)


def _action(actions: Any, name: str, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, allow_abbrev=False, help=about, description=about)
    return parser


def _connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help="a running server, such as http://127.0.0.1:8181")
    parser.add_argument("--data-dir", metavar="DIR", help="folder of everything the server keeps (GLEANERY_DATA_DIR)")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, for scripts")
