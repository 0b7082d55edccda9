"""The commands with their flags, help and examples."""

from __future__ import annotations

import argparse
from typing import Any

from gleanery import __version__
from gleanery.cli import parse_request
from gleanery.cli.compliance_arguments import add_compliance
from gleanery.cli.crawl_request import add_flags, add_running_flags
from gleanery.cli.exits import MEANINGS
from gleanery.cli.file_arguments import add_backup, add_export, add_import, add_restore
from gleanery.cli.move_arguments import add_move
from gleanery.cli.story_arguments import add_stories
from gleanery.cli.trace_arguments import add_traces

_EXIT_CODES = "exit codes:\n" + "\n".join(f"  {int(code):<4} {meaning}" for code, meaning in MEANINGS)

_AN_ID = "tsk_0123456789abcdef01234567"

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
  gleanery worker --task-types crawl               a further process that runs tasks
  gleanery preview https://docs.example.org/       what a crawl would take, and why not the rest
  gleanery crawl https://docs.example.org/guide/   crawl a site, with live bars
  gleanery parse https://example.org/login         what can be done on one page
  gleanery search "how to cancel a task"           find passages in what was crawled
  gleanery tasks                                   what runs, what waits, what failed

{_EXIT_CODES}

Settings come from the environment (GLEANERY_…) or from flags; flags win.""",
    )
    parser.add_argument("--version", action="version", version=f"gleanery {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    _serve(commands)
    _worker(commands)
    _preview(commands)
    _crawl(commands)
    _parse(commands)
    _search(commands)
    _changes(commands)
    _evaluate(commands)
    add_compliance(commands)
    for add in (add_export, add_import, add_backup, add_restore):
        add(commands)
    _migrate(commands)
    add_move(commands)
    _tasks(commands)
    add_stories(commands)
    add_traces(commands)
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


def _worker(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "worker",
        help="run tasks in a further process",
        description="""\
Run tasks in a further process on the server's data folder, until Ctrl-C. Any number of workers may run beside the
server, or without one; GLEANERY_WORKER_CONCURRENCY=0 on the server leaves all tasks to them. One that dies is noticed at
once, and its tasks go on in another.""",
        epilog="""\
examples:
  gleanery worker
  gleanery worker --worker-id crawler-1 --task-types crawl,embed_source --concurrency 2
  gleanery worker --types browser,agents""",
    )
    parser.add_argument("--worker-id", metavar="NAME", help="its name in tasks and events; by default host and process")
    parser.add_argument(
        "--task-types",
        "--types",
        metavar="TYPES",
        help="only these, separated by commas, or all that need the same: crawl, browser, cpu, agents; by default all",
    )
    parser.add_argument("--concurrency", metavar="N", help="tasks at once (GLEANERY_WORKER_CONCURRENCY)")
    parser.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error (GLEANERY_LOG_LEVEL)")
    _data_dir(parser)


def _preview(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "preview",
        help="see what a crawl would take and skip, and why",
        description=f"""\
Look at a site without crawling it: how it would be crawled and why, what it offers by itself, an estimate of pages, time
and tokens, the folders that are in scope, and what would be left out. Nothing is stored. It takes seconds.

{_CONNECTION}""",
        epilog=f"""\
examples:
  gleanery preview https://docs.example.org/guide/
  gleanery preview https://docs.example.org/ --exclude '/blog/*' --subdomains
  gleanery preview https://docs.example.org/ --json | jq .estimate.pages

{_EXIT_CODES}""",
    )
    add_flags(parser)
    _connection(parser)


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
  gleanery crawl https://app.example.org/docs/ --wait-for 'main article' --click 'button.more' --max-minutes 30
  gleanery crawl https://docs.example.org/ --json | jq -r 'select(.type == "page_failed") | .data.url'

With --json each event is one line {{seq, at, type, message, data, task_id}}, and the last line is {{"task": …}}.

{_EXIT_CODES}""",
    )
    add_flags(parser)
    add_running_flags(parser)
    parser.add_argument("--tag", action="append", metavar="TAG", help="a word to find the source by (may be repeated)")
    parser.add_argument("--quiet", "-q", action="store_true", help="only the summary at the end")
    parser.add_argument("--no-wait", action="store_true", help="start it on a running server and leave")
    _connection(parser)


def _parse(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "parse",
        help="see what is on one page, and what can be done there",
        description=f"""\
Load one page in a browser and show what it is for, its forms and everything that can be acted on, each with a locator
that finds it again. A page that was parsed within the hour is shown as it was then.

{_CONNECTION}""",
        epilog=f"""\
examples:
  gleanery parse https://example.org/login
  gleanery parse https://example.org/ --screenshot page.png --viewport 390x844
  gleanery parse https://app.example.org/ --wait-for 'main article' --header 'Accept-Language: de' --refresh
  gleanery parse https://example.org/ --json | jq '.page.elements[] | {{role, name, locator}}'
  gleanery parse --show web_01JAZ --screenshot page.png

With --json the whole page is one JSON object.

{_EXIT_CODES}""",
    )
    parse_request.add_flags(parser)
    parser.add_argument("--quiet", "-q", action="store_true", help="only the page at the end")
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
  gleanery search '"graceful shutdown" -"deprecated" site:docs.example.org' --explain
  gleanery search TaskGroup --mode keyword --limit 3 --json | jq -r '.hits[].url'""",
    )
    parser.add_argument("text", metavar="TEXT", nargs="+", help="what to look for")
    parser.add_argument("--source", metavar="ID", help="only in this source")
    parser.add_argument("--tag", metavar="TAG", action="append", help="only in sources with this tag; may be repeated")
    parser.add_argument("--kind", metavar="KIND", help="only in sources of this kind")
    parser.add_argument("--path", metavar="PREFIX", help="only pages whose path begins so")
    parser.add_argument("--version", metavar="V", dest="page_version", help="only pages of this version")
    parser.add_argument(
        "--mode", choices=("hybrid", "vector", "keyword"), help="by words and meaning (default), or one of them"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="most hits (default 10)")
    parser.add_argument("--code", action="store_true", help="code examples instead of passages")
    parser.add_argument("--language", metavar="NAME", help="only pages in this language; with --code: of the code")
    parser.add_argument("--explain", action="store_true", help="say of each hit what its score is made of")
    _connection(parser)


def _changes(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "changes",
        help="see what the refreshes of a source changed",
        description=f"""\
List the refreshes of a source, the pages that one of them changed, or what changed on a page.

{_CONNECTION}""",
        epilog=f"""\
examples:
  gleanery changes docs.example.org
  gleanery changes docs.example.org 7
  gleanery changes docs.example.org 7 /guide/install

{_EXIT_CODES}""",
    )
    parser.add_argument("source", metavar="SOURCE", help="its id, its URL or its host")
    parser.add_argument("generation", metavar="NUMBER", type=int, nargs="?", help="pages that this refresh changed")
    parser.add_argument("page", metavar="PAGE", nargs="?", help="what changed on this page: its URL, path or id")
    parser.add_argument("--limit", type=int, metavar="N", default=20, help="most refreshes (default 20)")
    _connection(parser)


def _evaluate(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "evaluate",
        help="measure how well search finds the pages of saved queries",
        description=f"""\
Run the saved queries of a source and show where each finds its page, with recall and mean reciprocal rank (MRR).

{_CONNECTION}""",
        epilog=f"""\
examples:
  gleanery evaluate docs.example.org
  gleanery evaluate https://docs.example.org/guide/ --fail-under 0.8
  gleanery evaluate docs.example.org --queries queries.jsonl --json | jq .mrr

A line of the file: {{"query": "how to install", "expected": ["/guide/install"]}}

{_EXIT_CODES}""",
    )
    parser.add_argument("source", metavar="SOURCE", help="its id, its URL or its host")
    parser.add_argument("--queries", metavar="FILE", help="run the queries of this file (JSON lines) and keep nothing")
    parser.add_argument("--generation", type=int, metavar="N", help="search this generation instead of the visible one")
    parser.add_argument("--fail-under", metavar="MRR", help="exit with 1 when the MRR is lower: 0 to 1")
    _connection(parser)


def _migrate(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "migrate",
        help="bring a Supabase project to this version",
        description="""\
Make or change the tables and functions that a server with SUPABASE_URL works with. What is there already is left
alone: a second run does nothing. The database is the one of GLEANERY_DATABASE_URL, a connection as Supabase shows it
under Connect.""",
        epilog="""\
examples:
  GLEANERY_DATABASE_URL=postgresql://… gleanery migrate
  gleanery migrate --print > gleanery.sql          one file for Supabase's SQL editor""",
    )
    parser.add_argument(
        "--database-url",
        metavar="URL",
        help="the project's PostgreSQL; better from GLEANERY_DATABASE_URL: a process list shows what stands here",
    )
    parser.add_argument("--print", action="store_true", help="write the SQL to standard output instead of running it")
    parser.add_argument("--json", action="store_true", help="JSON on standard output, for scripts")


def _tasks(commands: Any) -> None:
    parser = _parser(
        commands.add_parser,
        "tasks",
        help="see and steer what the server does",
        description=f"List, show, watch, start and steer tasks; without an action: list.\n\n{_CONNECTION}",
        epilog=f"""\
examples:
  gleanery tasks
  gleanery tasks list --status failed --json
  gleanery tasks watch {_AN_ID}
  gleanery tasks urls {_AN_ID} --state skipped
  gleanery tasks retry {_AN_ID} --only-failed
  gleanery tasks cancel --all --status queued --type crawl
  gleanery tasks start test --payload '{{"steps": 3}}' --wait
  gleanery tasks stats

{_EXIT_CODES}""",
    )
    _connection(parser)
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions")
    parser.set_defaults(
        action="list", task_id=None, status=None, task_type=None, queue=None, limit=20, only_failed=False, after=0
    )
    parser.set_defaults(quiet=False, is_all=False, payload=None, title=None, priority=None, run_at=None)
    parser.set_defaults(depends_on=None, wait=False, dry_run=False, state=None, reason=None)
    _looking(actions)
    _starting(actions)
    _steering(actions)


def _looking(actions: Any) -> None:
    listing = _action(
        actions, "list", "all tasks, those that need attention first", "gleanery tasks list --status running,queued"
    )
    _status(listing)
    _type(listing)
    listing.add_argument("--queue", metavar="NAME", help="only of this queue")
    listing.add_argument("--limit", type=int, metavar="N", help="most tasks (default 20)")
    _task_id(_action(actions, "show", "everything about one task", f"gleanery tasks show {_AN_ID}"))
    watch = _action(actions, "watch", "follow a task until it ends", f"gleanery tasks watch {_AN_ID} --json")
    _task_id(watch)
    watch.add_argument("--after", type=int, metavar="SEQ", help="only events after this one")
    _quiet(watch)
    urls = _action(
        actions,
        "urls",
        "every URL of a crawl, what became of it and why",
        f"gleanery tasks urls {_AN_ID} --state skipped --reason other_version",
    )
    _task_id(urls)
    urls.add_argument("--state", metavar="STATE", help="only those queued, stored, skipped or failed")
    urls.add_argument("--reason", metavar="CODE", help="only those with this reason, such as too_deep or http_404")
    urls.add_argument("--limit", type=int, metavar="N", help="most URLs (default 100)")
    urls.set_defaults(limit=100)
    _action(actions, "stats", "how many tasks there are, and how long they wait and run", "gleanery tasks stats --json")


def _starting(actions: Any) -> None:
    example = """gleanery tasks start test --payload '{"steps": 3}' --wait"""
    start = _action(actions, "start", "start a task of any type", example)
    start.add_argument("type_name", metavar="TYPE", help="one of GET /api/v1/task-types, such as test")
    start.add_argument("--payload", metavar="JSON", help="what the type asks for; @FILE reads it from a file")
    start.add_argument("--title", metavar="TEXT", help="how it is shown")
    start.add_argument("--priority", type=int, metavar="N", help="0 to 100, higher first (default 50)")
    start.add_argument("--queue", metavar="NAME", help="its queue (default: default)")
    start.add_argument("--run-at", metavar="TIME", help="not before this time, such as 2030-01-31T06:00")
    start.add_argument("--depends-on", action="append", metavar="ID", help="a task to wait for (may be repeated)")
    start.add_argument("--wait", action="store_true", help="follow it until it ends")
    _quiet(start)


def _steering(actions: Any) -> None:
    cancel = _action(
        actions, "cancel", "cancel a task, or all that fit; what it stored stays", f"gleanery tasks cancel {_AN_ID}"
    )
    _one_or_all(cancel)
    retry = _action(
        actions,
        "retry",
        "run a task again, or all that fit",
        f"gleanery tasks retry {_AN_ID} --only-failed\n  gleanery tasks retry --all --type crawl",
    )
    _one_or_all(retry)
    retry.add_argument("--only-failed", action="store_true", help="of a crawl, only the pages that failed")
    _task_id(_action(actions, "pause", "pause a task; it goes on where it stopped", f"gleanery tasks pause {_AN_ID}"))
    _task_id(_action(actions, "resume", "go on with a paused task", f"gleanery tasks resume {_AN_ID}"))
    priority = _action(
        actions, "priority", "change the priority of a task that waits", f"gleanery tasks priority {_AN_ID} 90"
    )
    _task_id(priority)
    priority.add_argument("priority", type=int, metavar="N", help="0 to 100, higher first")
    prune = _action(
        actions, "prune", "remove ended tasks with their events", "gleanery tasks prune --older-than 30d --dry-run"
    )
    prune.add_argument(
        "--older-than", required=True, metavar="AGE", help="ended at least so long ago: 30d, 12h, 0d for all"
    )
    _status(prune)
    prune.add_argument("--dry-run", action="store_true", help="only say how many")


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


def _one_or_all(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task_id", metavar="ID", nargs="?", help="the task's id")
    parser.add_argument("--all", dest="is_all", action="store_true", help="all tasks that fit, instead of one")
    _status(parser)
    _type(parser)


def _status(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", metavar="STATES", help="only these, separated by commas")


def _type(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", dest="task_type", metavar="TYPE", help="only of this type, such as crawl")


def _quiet(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", "-q", action="store_true", help="only the summary at the end")


def _task_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("task_id", metavar="ID", help="the task's id")
