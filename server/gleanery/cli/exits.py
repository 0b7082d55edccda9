"""How the command ends: the exit codes that scripts rely on."""

from __future__ import annotations

from enum import IntEnum

from gleanery import errors


class Exit(IntEnum):
    COMPLETE = 0
    FAILED = 1
    BAD_INPUT = 2
    SOME_FAILED = 3
    CANCELLED = 4
    NO_SERVER = 5
    INTERRUPTED = 130
    TERMINATED = 143


MEANINGS: tuple[tuple[Exit, str], ...] = (
    (Exit.COMPLETE, "complete"),
    (Exit.FAILED, "failed: the task ended with an error, nothing was stored, or the server refused"),
    (Exit.BAD_INPUT, "wrong usage or bad input; nothing was started"),
    (Exit.SOME_FAILED, "complete, but some pages failed"),
    (Exit.CANCELLED, "the task was cancelled"),
    (Exit.NO_SERVER, "no server reachable"),
    (Exit.INTERRUPTED, "interrupted with Ctrl-C (143: ended by SIGTERM)"),
)

_BAD_INPUT_STATUSES = frozenset({400, 404, 405, 413, 422})


def of_error(error: errors.GleaneryError) -> Exit:
    """The exit code of an error that ends the command."""
    if isinstance(error, errors.InvalidInput):
        return Exit.BAD_INPUT
    if isinstance(error, errors.ServerUnreachable):
        return Exit.NO_SERVER
    if isinstance(error, errors.ServerRefused) and error.status in _BAD_INPUT_STATUSES:
        return Exit.BAD_INPUT
    return Exit.FAILED
