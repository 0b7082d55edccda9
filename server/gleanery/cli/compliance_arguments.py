"""The flags of `gleanery compliance`: frameworks, run, show, cancel, retry, delete, report."""

from __future__ import annotations

import argparse
from typing import Any

_SERVER = "a running server, such as http://127.0.0.1:8181"


def add_compliance(commands: Any) -> None:
    parser = _parser(
        commands,
        "compliance",
        help="see how far sources show that the controls of a framework are met",
        description="""\
Frameworks are lists of controls. A report looks for evidence of each control in the sources, has a chat model judge it where
one is set, and checks every quote of the model in its page.""",
        epilog="""\
examples:
  gleanery compliance frameworks
  gleanery compliance frameworks --add house-rules.yaml
  gleanery compliance run nist-ssdf --source docs.example.org
  gleanery compliance show
  gleanery compliance show cmp_0123456789abcdef01234567 --verdict not_met,partly
  gleanery compliance report cmp_0123456789abcdef01234567 audit.pdf""",
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions", required=True)
    _frameworks(actions)
    _run(actions)
    _show(actions)
    _steer(actions, "cancel", help="cancel all tasks of a report; what is done for its controls is kept")
    _steer(actions, "retry", help="go on with a report that failed or was cancelled")
    _steer(actions, "delete", help="remove a report for good")
    _report(actions)


def _frameworks(actions: Any) -> None:
    parser = _parser(actions, "frameworks", help="list the frameworks, or add one", description="List the frameworks.")
    parser.add_argument("--add", metavar="FILE", help="add the framework in this file (YAML, or JSON by its name)")
    _connection(parser)


def _run(actions: Any) -> None:
    parser = _parser(actions, "run", help="make a report", description="Make a report and follow it to its end.")
    parser.add_argument("framework", metavar="FRAMEWORK", help="its id")
    parser.add_argument("--framework-version", metavar="VERSION", help="a version, else the one that was added last")
    parser.add_argument("--source", metavar="SOURCE", action="append", help="id, URL or host; may be given again")
    parser.add_argument("--title", metavar="TEXT", help="what the report is called")
    parser.add_argument("--max-tokens", metavar="N", type=int, help="most that the chat model may be asked for")
    parser.add_argument("--fail-under", metavar="SHARE", type=float, help="exit with 1 when fewer are met: 0 to 1")
    parser.add_argument("--quiet", "-q", action="store_true", help="only the summary at the end")
    _connection(parser)


def _show(actions: Any) -> None:
    parser = _parser(actions, "show", help="list reports, or show one", description="List reports, or show one.")
    parser.add_argument("report_id", metavar="ID", nargs="?", help="the report's id; without it: the last ones")
    parser.add_argument("--verdict", metavar="VERDICTS", help="only these: met, partly, not_met, unknown")
    parser.add_argument(
        "--compare", metavar="ID", nargs="?", const="", help="what changed since this report, or the last"
    )
    parser.add_argument("--limit", type=int, metavar="N", default=20, help="most reports (default 20)")
    _connection(parser)


def _steer(actions: Any, name: str, *, help: str) -> None:
    parser = _parser(actions, name, help=help, description=f"{help[0].upper()}{help[1:]}.")
    parser.add_argument("report_id", metavar="ID", help="the report's id")
    _connection(parser)


def _report(actions: Any) -> None:
    parser = _parser(actions, "report", help="write a report to a file", description="Write a report to a file.")
    parser.add_argument("report_id", metavar="ID", help="the report's id")
    parser.add_argument("file", metavar="FILE", help="its ending says the format: .html, .md, .json or .pdf")
    parser.add_argument("--force", action="store_true", help="replace the file if it is there")
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
