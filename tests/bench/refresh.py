"""What a refresh costs beside a first crawl: of a site that did not change, and of one where ten pages did.

    python -m tests.bench refresh [--pages N] [--changed N] [--only VALIDATORS:EMBEDDER ...]

The server is the real one, in a process of its own, asked over REST; so is the generated site, which counts what it is
asked for. VALIDATORS is what the site says about versions: `etag`, `none`, `frozen` (a Last-Modified that stays as it was
although the page changes, with 304 to whoever believes it) or `now` (one that is always the time of the answer).
EMBEDDER is `none`, `local`, or `api`: a server on loopback that speaks OpenAI's API, and counts the texts it gets.
Exit code 1 when a change was missed or a text was embedded that is not new.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.bench.crawl_child import Child, started
from tests.bench.refresh_site import Validators, marker
from tests.e2e.server_process import ServerProcess
from tests.sites.openai_api import OpenAIApi, openai_api

DEFAULT = ("etag:none", "etag:local", "none:none", "none:api", "frozen:none", "now:none")
POLL_SECONDS = 0.02
FINAL = ("completed", "failed", "cancelled")
_NUMBER = re.compile(r"/(\d+)\.html")
_BUCKET = re.compile(r'gleanery_loop_lag_seconds_bucket\{le="([^"]+)"\} (\S+)')


@dataclass(frozen=True)
class Step:
    """One run over the site. `embedded` is how many texts went to the embedder, None where nobody counts them; `lag_ms` is
    the bound that 99 of 100 turns of the server's loop kept to (its histogram's bucket)."""

    name: str
    seconds: float
    asked: Mapping[str, int]
    embedded: int | None
    lag_ms: float
    result: Mapping[str, Any]


class Bench:
    """One case: a server, a site, and what is counted on both sides."""

    def __init__(self, server: ServerProcess, site: Child, url: str, api: OpenAIApi, embedder: str) -> None:
        self._server, self._site, self._url, self._api, self._embedder = server, site, url, api, embedder
        self._source_id = ""

    async def first(self, pages: int) -> Step:
        body = {"url": self._url, "max_pages": pages + 10, "max_depth": 100, "render": "http"}
        return await self._run("first crawl", "/api/v1/knowledge/add", body)

    async def refresh(self, name: str) -> Step:
        return await self._run(name, f"/api/v1/sources/{self._source_id}/refresh", {})

    async def change(self, count: int) -> list[str]:
        self._site.tell(f"change {count}")
        return list((await self._site.hear())["changed"])

    async def _run(self, name: str, path: str, body: Mapping[str, Any]) -> Step:
        await self._counts()
        embedded, lag = len(self._texts()), await self._lag()
        began = time.monotonic()
        task = await self._finished(await self._post(path, body))
        seconds = time.monotonic() - began
        self._source_id = task["payload"]["source_id"]
        count = await self._embedded_chunks(task) if self._embedder == "local" else len(self._texts()) - embedded
        return Step(
            name,
            seconds,
            await self._counts(),
            None if self._embedder == "none" else count,
            _quantile_ms(lag, await self._lag()),
            task["result"] or {"error": task["error"]},
        )

    def _texts(self) -> list[str]:
        return [text for request in self._api.requests for text in request.input]

    async def _post(self, path: str, body: Mapping[str, Any]) -> str:
        async with aiohttp.ClientSession() as session, session.post(f"{self._server.url}{path}", json=body) as reply:
            answer = await reply.json()
            if reply.status != 202:
                raise RuntimeError(f"POST {path}: {reply.status} {answer}")
            return str(answer["task_id"])

    async def _finished(self, task_id: str) -> dict[str, Any]:
        async with aiohttp.ClientSession(self._server.url) as session:
            while True:
                async with session.get(f"/api/v1/tasks/{task_id}") as reply:
                    task: dict[str, Any] = await reply.json()
                if task["status"] in FINAL:
                    return task
                await asyncio.sleep(POLL_SECONDS)

    async def _embedded_chunks(self, task: Mapping[str, Any]) -> int:
        """The local model counts nothing that can be asked for: what the events of the task say."""
        total, after = 0, 0
        while after < task["last_seq"]:
            listed: dict[str, Any] = await self._server.get(
                f"/api/v1/tasks/{task['task_id']}/events?after={after}&limit=500"
            )
            total += sum(e["data"]["chunks"] for e in listed["items"] if e["type"] == "pages_embedded")
            if not listed["items"]:
                break
            after = listed["items"][-1]["seq"]
        return total

    async def _counts(self) -> Mapping[str, int]:
        self._site.tell("counts")
        return await self._site.hear()

    async def _lag(self) -> Mapping[float, float]:
        async with aiohttp.ClientSession() as session, session.get(f"{self._server.url}/metrics") as reply:
            return {float(bound): float(count) for bound, count in _BUCKET.findall(await reply.text())}

    async def chunk_ids(self) -> set[str]:
        found: set[str] = set()
        cursor = ""
        while True:
            listed: dict[str, Any] = await self._server.get(
                f"/api/v1/sources/{self._source_id}/chunks?limit=500&cursor={cursor}"
            )
            found.update(item["chunk_id"] for item in listed["items"])
            if not (cursor := listed["next_cursor"] or ""):
                return found

    async def finds(self, word: str) -> bool:
        body = {"query": word, "mode": "keyword", "source_id": self._source_id, "limit": 1}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self._server.url}/api/v1/search", json=body) as reply,
        ):
            answer = await reply.json()
            if reply.status != 200:
                raise RuntimeError(f"POST /api/v1/search: {reply.status} {answer}")
            return any(word in hit["content"] for hit in answer["hits"])


def _quantile_ms(before: Mapping[float, float], after: Mapping[float, float]) -> float:
    """The bound of the bucket that the 99th of 100 new observations is in, in milliseconds; nan without any."""
    total = after.get(float("inf"), 0) - before.get(float("inf"), 0)
    if total <= 0:
        return float("nan")
    return 1000 * next(bound for bound in sorted(after) if after[bound] - before.get(bound, 0) >= 0.99 * total)


@dataclass
class Verdict:
    """What was wrong; nothing is what it should be."""

    faults: list[str] = field(default_factory=list)

    def expect(self, is_so: bool, otherwise: str) -> None:
        if not is_so:
            self.faults.append(otherwise)


@contextlib.asynccontextmanager
async def case(validators: Validators, embedder: str, pages: int) -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="gleanery-refresh-") as folder:
        async with (
            openai_api() as api,
            started(sys.executable, "tests.bench.refresh_site", [str(pages), validators]) as site,
        ):
            url = (await site.hear())["url"]
            settings = {"GLEANERY_EMBEDDER": "openai" if embedder == "api" else embedder}
            if embedder == "api":
                settings |= {"OPENAI_API_KEY": "sk-bench", "OPENAI_BASE_URL": api.base_url}
            server = ServerProcess(Path(folder), GLEANERY_LOG_LEVEL="error", **settings)
            await server.start()
            try:
                yield Bench(server, site, url, api, embedder)
            finally:
                await server.stop()


async def measure(validators: Validators, embedder: str, pages: int, changed: int) -> Verdict:
    """One case from the first crawl to the refresh after a change; prints a line a step."""
    verdict = Verdict()
    async with case(validators, embedder, pages) as bench:
        first = await bench.first(pages)
        _print(validators, embedder, first, first)
        before = await bench.chunk_ids()
        same = await bench.refresh("unchanged")
        _print(validators, embedder, same, first)
        verdict.expect(await bench.chunk_ids() == before, "unchanged: the chunks are others than before")
        verdict.expect(not same.embedded, f"unchanged: {same.embedded} texts embedded again")
        paths = await bench.change(changed)
        some = await bench.refresh(f"{changed} changed")
        new = len(await bench.chunk_ids() - before)
        _print(validators, embedder, some, first, f"{new} chunks are new")
        numbers = [int(match[1]) for path in paths if (match := _NUMBER.search(path))]
        missed = [n for n in numbers if not await bench.finds(marker(n, 1))]
        stale = [n for n in numbers if await bench.finds(marker(n, 0))]
        verdict.expect(not missed, f"{len(missed)} of {changed} changes are not found")
        verdict.expect(not stale, f"{len(stale)} of {changed} old texts are still found")
        verdict.expect(some.embedded in (None, new), f"{some.embedded} texts embedded for {new} new chunks")
    return verdict


HEAD = (
    f"{'versions':9} {'embedder':8} {'run':12} {'seconds':>8} {'faster':>7} {'requests':>8} {'304':>5} {'KB':>7}"
    f" {'embedded':>8} {'lag p99':>8}  notes"
)


def _print(validators: Validators, embedder: str, step: Step, first: Step, notes: str = "") -> None:
    embedded = "-" if step.embedded is None else f"{step.embedded:,}"
    print(
        f"{validators:9} {embedder:8} {step.name:12} {step.seconds:8.2f} {first.seconds / step.seconds:6.1f}x"
        f" {step.asked['requests']:8,} {step.asked['not_modified']:5,} {step.asked['bytes'] / 1000:7,.0f} {embedded:>8}"
        f" {f'<={step.lag_ms:.0f} ms':>8}  {notes}"
    )
    print(f"{'':31} {_told(step.result)}", flush=True)


def _told(result: Mapping[str, Any], prefix: str = "") -> str:
    """What the result says by itself, without what stands in the table."""
    left_out = ("source_id", "seconds", "embedding_model")
    told = [
        _told(value, f"{name}.") if isinstance(value, Mapping) else f"{prefix}{name} {value}"
        for name, value in result.items()
        if name not in left_out and value
    ]
    return ", ".join(part for part in told if part)


async def bench(cases: Sequence[tuple[Validators, str]], pages: int, changed: int) -> int:
    print(HEAD, flush=True)
    faults = []
    for validators, embedder in cases:
        verdict = await measure(validators, embedder, pages, changed)
        faults += [f"{validators}:{embedder} {fault}" for fault in verdict.faults]
    print("\n".join(f"WRONG: {fault}" for fault in faults) or "every change was found, and nothing else was embedded")
    return 1 if faults else 0


def _case(text: str) -> tuple[Validators, str]:
    validators, _, embedder = text.partition(":")
    if embedder not in ("none", "local", "api"):
        raise argparse.ArgumentTypeError(f"{text!r}: the embedder is none, local or api")
    return Validators(validators), embedder


def main() -> None:
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--pages", type=int, default=500)
    cli.add_argument("--changed", type=int, default=10)
    cli.add_argument("--only", type=_case, nargs="+", default=[_case(text) for text in DEFAULT])
    options = cli.parse_args()
    sys.exit(asyncio.run(bench(options.only, options.pages, options.changed)))


if __name__ == "__main__":
    main()
