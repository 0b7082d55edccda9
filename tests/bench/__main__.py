"""`python -m tests.bench [NAME [ARGUMENT ...]]`: lists the benchmarks, or runs one."""

from __future__ import annotations

import ast
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


def benchmarks() -> Mapping[str, str]:
    """Every benchmark with the first line of its docstring; `crawl_…` and the like are parts of one, not one."""
    files = [file for file in sorted(Path(__file__).parent.glob("*.py")) if "_" not in file.stem]
    docs = {file.stem: ast.get_docstring(ast.parse(file.read_text())) or "" for file in files}
    return {name: doc.partition("\n")[0] for name, doc in docs.items()}


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        for name, about in benchmarks().items():
            print(f"  python -m tests.bench {name:12} {about}")
        print("\nEach takes --help. tests/bench/README.md has the last figures.")
        return 0
    name, *rest = arguments
    if name not in benchmarks():
        print(f"There is no benchmark {name!r}; there are {', '.join(benchmarks())}.", file=sys.stderr)
        return 2
    sys.argv = [f"tests.bench.{name}", *rest]
    runpy.run_module(f"tests.bench.{name}", run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
