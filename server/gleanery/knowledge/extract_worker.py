"""The worker process that takes HTML apart: `python -m gleanery.knowledge.extract_worker`.

Reads jobs from standard input and answers on standard output until the input ends. Both ways: four bytes of length,
big-endian, and a JSON object; a job is followed by `size` bytes of body. Only JSON comes back, since what parses hostile
input is not to be trusted with more.
"""

from __future__ import annotations

import json
import resource
import signal
import struct
import sys
from dataclasses import asdict
from typing import IO, Any

from gleanery.errors import GleaneryError
from gleanery.knowledge.extract import extract_page

LENGTH = struct.Struct(">I")
MEMORY_BYTES = 3 * 1024**3


def _answer(job: dict[str, Any], body: bytes) -> dict[str, Any]:
    try:
        return {"page": asdict(extract_page(body, job["url"], job["charset"]))}
    except GleaneryError as error:
        return {"error": error.code, "message": error.message, "details": error.details}
    except (MemoryError, RecursionError) as error:
        return {
            "error": "extract_failed",
            "message": f"The page is too complex to read ({type(error).__name__}).",
            "details": {},
        }


def serve(source: IO[bytes], sink: IO[bytes]) -> None:
    """Answer jobs until `source` ends. A job that outlives its time by far ends the process, also when nobody watches it."""
    while len(header := source.read(LENGTH.size)) == LENGTH.size:
        job = json.loads(source.read(LENGTH.unpack(header)[0]))
        body = source.read(job["size"])
        signal.alarm(job["seconds"] + 5)
        reply = json.dumps(_answer(job, body), ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        signal.alarm(0)
        sink.write(LENGTH.pack(len(reply)) + reply)
        sink.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody is left to answer: end without a word
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    serve(sys.stdin.buffer, sys.stdout.buffer)


if __name__ == "__main__":
    main()
