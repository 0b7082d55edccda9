"""`python -m gleanery`: the same as the command `gleanery`."""

from __future__ import annotations

import sys

from gleanery.cli import main

if __name__ == "__main__":
    sys.exit(main())
