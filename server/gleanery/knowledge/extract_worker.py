"""The worker process that takes documents apart: `python -m gleanery.knowledge.extract_worker`.

Reads jobs from standard input and answers on standard output until the input ends. Both ways: four bytes of length,
big-endian, and a JSON object; a job is followed by `size` bytes of body. An answer is an error or a page; a page that says
`more` is followed by the next one of the same document. Only JSON comes back, since what parses hostile input is not to be
trusted with more.
"""

from __future__ import annotations

import gc
import json
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from typing import IO, Any

from gleanery.errors import GleaneryError
from gleanery.knowledge.extract import CodeExample, ExtractedPage, Heading, extract_page
from gleanery.knowledge.formats import Kind, read
from gleanery.priority import step_back

LENGTH = struct.Struct(">I")
MEMORY_BYTES = 3 * 1024**3
COLLECT_EVERY = 8
NICENESS = 10
LARGE_BYTES = 500_000


def _answers(job: dict[str, Any], body: bytes) -> Iterator[dict[str, Any]]:
    """One page, one error, or the pages of a document of several parts."""
    try:
        kind = Kind(job["kind"])
        if kind is Kind.HTML:
            yield {"page": extract_page(body, job["url"], job["charset"])}
            return
        parts = read(kind, body, job["url"], job["charset"])
    except GleaneryError as error:
        yield {"error": error.code, "message": error.message, "details": error.details}
    except (MemoryError, RecursionError) as error:
        yield {
            "error": "extract_failed",
            "message": f"The document is too complex to read ({type(error).__name__}).",
            "details": {},
        }
    else:
        for number, part in enumerate(parts, 1):
            yield {"page": part.page, "fragment": part.fragment, "more": number < len(parts)}


def _fields(value: ExtractedPage | Heading | CodeExample) -> dict[str, Any]:
    """A dataclass for JSON, level by level: `asdict` would copy all of the page first."""
    return {name: getattr(value, name) for name in value.__slots__}


def _collect_rarely() -> None:
    """Parsed trees are cycles that hold many objects: looking for garbage while one is built costs a third of the time.
    What is there at the start is never looked at again; what a job leaves is collected after it."""
    gc.collect()
    gc.freeze()
    gc.disable()


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer jobs until `source` ends. A job that outlives its time by far ends the process, also when nobody watches it."""
    answered = 0
    while len(header := source.read(LENGTH.size)) == LENGTH.size:
        job = json.loads(source.read(LENGTH.unpack(header)[0]))
        body = source.read(job["size"])
        signal.alarm(job["seconds"] + 5)
        for answer in _answers(job, body):
            text = json.dumps(answer, default=_fields, ensure_ascii=False, separators=(",", ":"))
            reply = text.encode("utf-8", "replace")
            sink.write(LENGTH.pack(len(reply)) + reply)
        signal.alarm(0)
        sink.flush()
        answered += 1
        if answered % COLLECT_EVERY == 0 or job["size"] > LARGE_BYTES:
            gc.collect()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody is left to answer: end without a word
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    step_back(NICENESS)
    _collect_rarely()
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
