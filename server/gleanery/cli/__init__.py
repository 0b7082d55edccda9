"""The command line: `main` reads the arguments, calls the command, and turns its end into an exit code.

Nothing heavy is imported before the command is known, so that `gleanery --help` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from importlib import import_module

from gleanery import errors
from gleanery.cli import exits
from gleanery.cli.arguments import build_parser
from gleanery.cli.safe_text import one_line


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command of `argv` (else of the process) and return its exit code; see `exits`."""
    _never_fail_to_print()
    parser = build_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help(sys.stderr)
        return exits.Exit.BAD_INPUT
    try:
        code = _run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return exits.Exit.INTERRUPTED
    except errors.GleaneryError as error:
        complain(error)
        return exits.of_error(error)
    except BrokenPipeError:
        # Whoever read our output has gone (`| head`). Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.Exit.FAILED
    return code


def complain(error: errors.GleaneryError) -> None:
    """One line about `error` on standard error. A wrong field or setting names itself; others add their code."""
    code = "" if isinstance(error, errors.InvalidInput) else f" ({error.code})"
    print(one_line(f"gleanery: {error.message}{code}"), file=sys.stderr)


_COMMANDS = {
    "backup": ("backup", "backup"),
    "changes": ("changes", "changes"),
    "compliance": ("compliance", "compliance"),
    "crawl": ("crawl", "crawl"),
    "evaluate": ("evaluate", "evaluate"),
    "export": ("export", "export"),
    "import": ("export", "import_file"),
    "migrate": ("migrate", "migrate"),
    "move": ("move", "move"),
    "parse": ("parse", "parse"),
    "preview": ("preview", "preview"),
    "restore": ("backup", "restore"),
    "search": ("search", "search"),
    "serve": ("serve", "serve"),
    "stories": ("stories", "stories"),
    "tasks": ("tasks", "tasks"),
    "traces": ("traces", "traces"),
    "worker": ("worker", "worker"),
}
"""Module and function of each command; only the one that is called is imported, for some take a second."""


def _run(args: Namespace) -> exits.Exit:
    module, function = _COMMANDS[args.command]
    command: Callable[[Namespace], exits.Exit] = getattr(import_module(f"gleanery.cli.{module}"), function)
    return command(args)


def _never_fail_to_print() -> None:
    """An output that can't show a character gets its escape instead of an exception."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
