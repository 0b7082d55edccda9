"""A process that is a worker until it ends: `python -m tests.store.holding FOLDER WORKER_ID`. Says `held` or `refused`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gleanery.errors import InvalidInput
from gleanery.store.presence import FilePresence

if __name__ == "__main__":
    presence = FilePresence(Path(sys.argv[1]))
    try:
        asyncio.run(presence.hold(sys.argv[2]))
    except InvalidInput:
        sys.stdout.write("refused\n")
        sys.exit(0)
    sys.stdout.write("held\n")
    sys.stdout.flush()
    sys.stdin.read()
