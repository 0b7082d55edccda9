"""`python -m tools.ground STEP`: prepare the checkout for one of the Makefile's targets."""

from __future__ import annotations

import argparse
import fcntl
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tools.ground import browser, commands, locks, model, postgrest, sites, ui
from tools.ground.python_env import Extent, require_environment
from tools.ground.shell import TOOLS, GroundError, say


def prepare_run() -> None:
    require_environment(Extent.SERVER)
    model.require_model()
    ui.require_dist()
    browser.look_for_browser()


def prepare_checks() -> None:
    require_environment(Extent.DEV)


def prepare_tests() -> None:
    require_environment(Extent.DEV)
    model.require_model()
    ui.require_dist()
    browser.require_browser()
    sites.require_sites()
    commands.require_commands()
    postgrest.require_postgrest()


def prepare_bench() -> None:
    require_environment(Extent.BENCH)
    prepare_tests()


def prepare_browser() -> None:
    require_environment(Extent.SERVER)
    say(f"The browser is {browser.require_browser()}")


def prepare_postgrest() -> None:
    say(f"PostgREST is {postgrest.require_postgrest()}")


STEPS: Mapping[str, Callable[[], None]] = {
    "run": prepare_run,
    "checks": prepare_checks,
    "tests": prepare_tests,
    "bench": prepare_bench,
    "browser": prepare_browser,
    "ui": ui.require_dist,
    "postgrest": prepare_postgrest,
    "check-ui": ui.check,
    "wire-types": ui.write_wire_types,
    "lock": lambda: locks.write_locks(is_upgrade=False),
    "upgrade": lambda: locks.write_locks(is_upgrade=True),
}


@contextmanager
def alone() -> Iterator[None]:
    """Keep a second set-up of the same checkout waiting until this one has ended."""
    with TOOLS.with_suffix(".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up of this checkout is running: waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def require_python() -> None:
    if sys.version_info[:2] < (3, 11):  # noqa: UP036 - this runs before the version is known
        raise GroundError(f"{sys.executable} is older than Python 3.11: name a newer one with PYTHON=/path/to/python")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.ground", description=__doc__)
    parser.add_argument("step", choices=sorted(STEPS))
    step = parser.parse_args().step
    try:
        require_python()
        with alone():
            STEPS[step]()
    except GroundError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped. The same command goes on from here.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
