"""The flags of `gleanery stories`: list, show, approve, reject, delete."""

from __future__ import annotations

import argparse
from typing import Any

_SERVER = "a running server, such as http://127.0.0.1:8181"


def add_stories(commands: Any) -> None:
    parser = _parser(
        commands,
        "stories",
        help="see what became of Shortcut's stories, and decide what is written back",
        description="""\
A webhook of Shortcut asks for a story to be analysed or enhanced. What came of it is shown here; where a workspace wants it so,
nothing is written back before it is approved.""",
        epilog="""\
examples:
  gleanery stories list --state needs_approval
  gleanery stories show sty_0123456789abcdef01234567
  gleanery stories approve sty_0123456789abcdef01234567
  gleanery stories reject sty_0123456789abcdef01234567 --note 'Not this quarter'""",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    _list(actions)
    for name, about in (
        ("show", "show one, with what changes"),
        ("approve", "have it written to Shortcut"),
        ("reject", "have it not written"),
        ("delete", "remove one that is not open"),
    ):
        made = _parser(actions, name, help=about, description=f"{about[0].upper()}{about[1:]}.")
        made.add_argument("story_id", metavar="ID", help="the story's id")
        if name == "reject":
            made.add_argument("--note", metavar="TEXT", help="why")
        _connection(made)


def _list(actions: Any) -> None:
    parser = _parser(actions, "list", help="list stories", description="List stories, newest first.")
    parser.add_argument("--state", metavar="STATES", help="only in these, with commas between")
    parser.add_argument("--workspace", metavar="NAME", help="only of this workspace")
    parser.add_argument("--number", metavar="N", type=int, help="only the story of this number in Shortcut")
    parser.add_argument("--limit", type=int, metavar="N", default=20, help="most stories (default 20)")
    _connection(parser)


def _parser(commands: Any, name: str, **options: Any) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options
    )
    return made


def _connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help=_SERVER)
    parser.add_argument("--data-dir", metavar="DIR", help="folder of everything the server keeps (GLEANERY_DATA_DIR)")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, for scripts")
