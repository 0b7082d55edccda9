"""Which migrations of Supabase's schema were released. `python -m tests.store.released` prints those that were not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gleanery.store.supabase.migrations import Migration, known

FILE = Path(__file__).with_name("released_migrations.txt")


def released(text: str) -> Mapping[int, str]:
    """The checksum of each, by its number."""
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {int(name[:3]): checksum for name, checksum in lines}


def faults(released: Mapping[int, str], ours: Sequence[Migration]) -> Sequence[str]:
    """What was done to a released migration, or put before one."""
    by_number = {migration.number: migration for migration in ours}
    last = max(released, default=0)
    return [
        *(f"{number} is gone" for number in released if number not in by_number),
        *(
            f"{number} was changed"
            for number, checksum in released.items()
            if number in by_number and by_number[number].checksum != checksum
        ),
        *(f"{n} comes before {last}" for n in by_number if n not in released and n < last),
    ]


if __name__ == "__main__":
    there = released(FILE.read_text("utf-8"))
    for one in known():
        if one.number not in there:
            print(f"{one.number:03d}_{one.name} {one.checksum}")
