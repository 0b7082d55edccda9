"""Where there are fewer cores than processes, the loop that answers requests comes first: the others step back."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

_NICEST = 19
_TRIES = 20
_PAUSE_SECONDS = 0.12


def step_back(by: int, pid: int = 0) -> None:
    """Makes a process nicer than the one that asks, and with it those that it starts from now on. Without a `pid` that is
    the one that asks itself, in a session that was made for it.

    To Linux a session is a group, and between groups only theirs counts, not the niceness of the processes in them
    (sched(7), "The autogroup feature"). Blocks for some tenths of a second where that of others was just set: the system
    takes ten a second. Does nothing for a process that has gone.
    """
    with suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, pid, min(_NICEST, os.getpriority(os.PRIO_PROCESS, 0) + by))
        if pid == 0 or os.getsid(pid) != os.getsid(0):
            _set_group(Path(f"/proc/{pid or 'self'}/autogroup"), by)


def _set_group(group: Path, niceness: int) -> None:
    for _ in range(_TRIES):
        try:
            group.write_text(str(niceness))
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        except OSError:
            return  # there are no groups on this system, or the process has gone
        else:
            return
