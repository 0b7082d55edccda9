"""The commands with their flags, help and examples."""

from __future__ import annotations

import argparse
from typing import Any

from gleanery import __version__
from gleanery.cli.exits import MEANINGS

_EXIT_CODES = "exit codes:\n" + "\n".join(f"  {int(code):<4} {meaning}" for code, meaning in MEANINGS)

_CONNECTION = """\
Without --server the server of this machine is used, if one runs on the data folder; else the command runs one
of its own for as long as it takes. The first of GLEANERY_API_KEYS is sent as the key."""


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; `command` is None when none was given."""
    parser = _parser(
        argparse.ArgumentParser,
        prog="gleanery",
        description="Give it a URL and watch it become knowledge.",
        epilog=f"""\
examples:
  gleanery serve                                   the server with its UI on http://127.0.0.1:8181
  gleanery crawl https://docs.example.org/guide/   crawl a site, with live bars
  gleanery search "how to cancel a task"           find passages in what was crawled
  gleanery tasks                                   what runs, what waits, what failed

{_EXIT_CODES}

Settings come from the environment (GLEANERY_…) or from flags; flags win.""",
    )
    parser.add_argument("--version", action="version", version=f"gleanery {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _serve(commands)
    _crawl(commands)
    _search(commands)
    _tasks(commands)
    return parser


def _parser(make: Any, *args: Any, **options: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = make(
        *args, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False, **options
    )
    return parser


def _data_dir(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data-dir", metavar="DIR", help="folder of everything the server keeps (GLEANERY_DATA_DIR)")


def _connection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", metavar="URL", help="a running server, such as http://127.0.0.1:8181")
    _data_dir(parser)
    parser.add_argument("--json", action="store_true", help="JSON on standard output, for scripts")


def _serve(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "serve",
        help="run the server with its UI",
        description="Run the server with its UI until Ctrl-C. What was under way is put back and goes on at the next start.",
        epilog="""\
examples:
  gleanery serve
  gleanery serve --port 9000 --data-dir ./knowledge
  gleanery serve --crawl https://docs.example.org/""",
    )
    parser.add_argument(
        "--host", help="address to listen on; other than loopback needs GLEANERY_API_KEYS (GLEANERY_HOST)"
    )
    parser.add_argument("--port", metavar="N", help="port to listen on; 0 takes a free one (GLEANERY_PORT)")
    _data_dir(parser)
    parser.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error (GLEANERY_LOG_LEVEL)")
    parser.add_argument("--crawl", metavar="URL", help="crawl this at once")


def _crawl(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "crawl",
        help="crawl a site into the knowledge base",
        description=f"Crawl a site and follow it until it ends.\n\n{_CONNECTION}",
        epilog=f"""\
examples:
  gleanery crawl https://docs.example.org/guide/
  gleanery crawl https://docs.example.org/ --max-pages 200 --exclude '/blog/*' --tag docs
  gleanery crawl https://docs.example.org/ --json | jq -r 'select(.type == "page_failed") | .data.url'

With --json each event is one line {{seq, at, type, message, data, task_id}}, and the last line is {{"task": …}}.

{_EXIT_CODES}""",
    )
    parser.add_argument("url", metavar="URL", help="where to start; its host and folder are the scope")
    parser.add_argument("--max-pages", type=int, metavar="N", help="most pages that are stored")
    parser.add_argument("--max-depth", type=int, metavar="N", help="links away from the start; 0 takes just that page")
    parser.add_argument("--include", action="append", metavar="GLOB", help="paths to take (may be repeated)")
    parser.add_argument("--exclude", action="append", metavar="GLOB", help="paths to leave out (may be repeated)")
    parser.add_argument("--tag", action="append", metavar="TAG", help="a word to find the source by (may be repeated)")
    parser.add_argument("--quiet", "-q", action="store_true", help="only the summary at the end")
    parser.add_argument("--no-wait", action="store_true", help="start it on a running server and leave")
    _connection(parser)


def _search(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "search",
        help="find passages or code in what was crawled",
        description=f"Find passages, or code examples with --code.\n\n{_CONNECTION}",
        epilog="""\
examples:
  gleanery search "retry after a time-out"
  gleanery search "connection pool" --code --language python
  gleanery search TaskGroup --mode keyword --limit 3 --json | jq -r '.hits[].url'""",
    )
    parser.add_argument("text", metavar="TEXT", nargs="+", help="what to look for")
    parser.add_argument("--source", metavar="ID", help="only in this source")
    parser.add_argument(
        "--mode", choices=("hybrid", "vector", "keyword"), help="by words and meaning (default), or one of them"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="most hits (default 10)")
    parser.add_argument("--code", action="store_true", help="code examples instead of passages")
    parser.add_argument("--language", metavar="NAME", help="with --code: only in this language")
    _connection(parser)


def _tasks(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "tasks",
        help="see and steer what the server does",
        description=f"List, show, watch, cancel and retry tasks; without an action: list.\n\n{_CONNECTION}",
        epilog=f"""\
examples:
  gleanery tasks
  gleanery tasks list --status failed --json
  gleanery tasks watch tsk_0123456789abcdef01234567
  gleanery tasks retry tsk_0123456789abcdef01234567 --only-failed

{_EXIT_CODES}""",
    )
    _connection(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    parser.set_defaults(action="list", status=None, task_type=None, limit=20, only_failed=False, after=0, quiet=False)

    listing = _action(
        actions, "list", "all tasks, those that need attention first", "gleanery tasks list --status running,queued"
    )
    listing.add_argument("--status", metavar="STATES", help="only these, separated by commas")
    listing.add_argument("--type", dest="task_type", metavar="TYPE", help="only of this type, such as crawl")
    listing.add_argument("--limit", type=int, metavar="N", help="most tasks (default 20)")
    _task_id(_action(actions, "show", "everything about one task", "gleanery tasks show tsk_0123456789abcdef01234567"))
    watch = _action(
        actions, "watch", "follow a task until it ends", "gleanery tasks watch tsk_0123456789abcdef01234567 --json"
    )
    _task_id(watch)
    watch.add_argument("--after", type=int, metavar="SEQ", help="only events after this one")
    watch.add_argument("--quiet", "-q", action="store_true", help="only the summary at the end")
    _task_id(
        _action(
            actions,
            "cancel",
            "cancel a task; what it stored stays",
            "gleanery tasks cancel tsk_0123456789abcdef01234567",
        )
    )
    retry = _action(
        actions, "retry", "run a task again", "gleanery tasks retry tsk_0123456789abcdef01234567 --only-failed"
    )
    _task_id(retry)
    retry.add_argument("--only-failed", action="store_true", help="of a crawl, only the pages that failed")


def _action(actions: Any, name: str, help: str, example: str) -> argparse.ArgumentParser:
    # SUPPRESS: a flag that stands before the action (`tasks --json list`) is not undone by the action's own default.
    parser = _parser(
        actions.add_parser,
        name,
        help=help,
        description=help[0].upper() + help[1:] + ".",
        epilog=f"example:\n  {example}\n\n{_EXIT_CODES}",
        argument_default=argparse.SUPPRESS,
    )
    _connection(parser)
    return parser


def _task_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task_id", metavar="ID", help="the task's id")
