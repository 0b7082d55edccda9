"""How far a process steps back, as Linux has it: by itself, and as one of the group that its session is."""

from __future__ import annotations

from pathlib import Path


def group_niceness(pid: int) -> int | None:
    """None where this system has no such groups, or the process is in none of them."""
    try:
        said = Path(f"/proc/{pid}/autogroup").read_text()
    except OSError:
        return None
    return int(said.rpartition(" ")[2]) if said else None
