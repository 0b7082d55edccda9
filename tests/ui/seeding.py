"""A server with something to see on every screen: sources in several states, tasks in each, changes, saved queries."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.api.client import Client
from tests.api.storied import ask, put, story_in
from tests.e2e.server_process import ServerProcess
from tests.sites.chat_server import ChatServer
from tests.sites.gated import gated_site
from tests.sites.model_server import Calls, ModelServer, Turn, model_server
from tests.sites.shortcut import Fault, Shortcut, shortcut
from tests.sites.storyteller import ANALYSIS, ENHANCEMENT, TRIAGE
from tests.sites.written import Answer, Answers, html, written_site

HOSTILE = (
    "Wombat <img src=x onerror=window.__xss=1> &lt;script&gt;window.__xss=2&lt;/script&gt; "
    '<a href="javascript:window.__xss=3">click</a> \u202egnp.exe\u202c <svg onload=window.__xss=4></svg></p>'
    "<script>window.__xss=5</script><pre><code class='language-html'>&lt;img src=x onerror=window.__xss=6&gt;\n"
    "[x](javascript:window.__xss=7)</code></pre><iframe srcdoc='<script>parent.__xss=8</script>'></iframe>"
    '<a href="https://evil.example/?leak=1"><img src="https://evil.example/pixel.png" alt="pixel"></a><p>the end'
)
FORM = (
    "<!doctype html><html lang='en'><title>Sign in \u202eliveE &lt;img src=x onerror=window.__xss=9&gt;</title><header><nav>"
    "<a href='/'>Home</a> <a href='javascript:window.__xss=10'>Docs</a></nav></header><main><form action='/go' method='post'>"
    "<h1>Sign in \u202e</h1><label>Email <input type='email' name='email' required></label> <label>Password <input type='password' "
    "name='password' required></label> <select aria-label='Country'><option>Australia<option>France</select> <button>Sign in</button>"
    "<button disabled type='button'>Not yet</button></form><table><caption>Hours</caption><tr><th>Day<th>From</tr><tr>"
    "<td>&lt;svg onload=window.__xss=11&gt;<td>9</tr></table><h2>About</h2><p>Some words of the bank of wombats, and its burrow.</p>"
    "<iframe src='/more' title='More'></iframe></main><footer><a href='/imprint'>Imprint</a></footer>"
    "<script>console.error('<b>wombat</b>'); alert('\u2067Hello'); fetch('/nothing')</script></html>"
)
CODE = '<pre><code class="language-python">def feed(wombat):\n    return wombat.eat("grass")\n</code></pre>'


@dataclass(frozen=True)
class Seeded:
    """What lies on the server, by id."""

    source_id: str
    page_id: str
    hostile_source_id: str
    hostile_page_id: str
    completed: str
    failed: str
    running: str
    paused: str
    demo_failed: str
    group_id: str
    report_id: str


@dataclass(frozen=True)
class SeededParses:
    """Parses on the server, by id: one that gave a page, one that failed for good, one whose page does not come."""

    done: str
    failed: str
    running: str


@asynccontextmanager
async def seeded(server: ServerProcess) -> AsyncIterator[Seeded]:
    """Fills the server; the sites that its running crawls read stay up meanwhile."""
    guide: Answers = _guide(changed=False)
    hostile: Answers = {"/": html(HOSTILE, ("/more",), text=HOSTILE), "/more": html(f"More {HOSTILE}", text=HOSTILE)}
    async with (
        aiohttp.ClientSession() as session,
        written_site(guide) as site,
        written_site(hostile) as evil,
        gated_site(30, open_to=8) as (held, _),
    ):
        client = Client(server.url, session)
        first = await client.crawl(f"{site.url}/docs/", tags=["guides"])
        await _save_queries(client, first.source_id)
        guide.clear()
        guide.update(_guide(changed=True))
        refresh = await client.post(f"/sources/{first.source_id}/refresh", {})
        await client.ended(refresh.body["task_id"])
        bad = await client.crawl(f"{evil.url}/")
        failed = await client.start(f"{evil.url}/not/there")
        await client.ended(failed["task_id"])
        running = await client.start(f"{held.url}/guide/")
        await client.until_stored(running["task_id"], 9)
        paused = await _paused(client)
        demo = await _demo_tasks(client)
        await _schedule(client, first.source_id)
        yield Seeded(
            first.source_id,
            await _page_of(client, first.source_id, "/docs/feeding"),
            bad.source_id,
            await _page_of(client, bad.source_id, "/more"),
            first.task_id,
            failed["task_id"],
            running["task_id"],
            paused,
            demo,
            await _group_of_traces(client),
            await _report(client),
        )


async def _group_of_traces(client: Client) -> str:
    """A group of hostile traces; its id."""
    traces = [
        {
            "trace_id": f"feeding-{number}",
            "project_id": "zoo",
            "path": "/feeding",
            "instruction": f"Feed the animal that is named below.\nAnimal: wombat {number} {HOSTILE}\nBe quick about it.",
            "model": "feeder",
            "settings": {"temperature": number % 2},
            "latency_ms": 100 + number,
            "error": "It bit." if number % 5 == 0 else None,
        }
        for number in range(1, 13)
    ]
    await client.post("/traces", {"traces": traces})
    while True:
        groups = (await client.one("/traces/groups?project_id=zoo"))["items"]
        if sum(group["trace_count"] for group in groups) == len(traces):
            return str(groups[0]["group_id"])
        await asyncio.sleep(0.05)


async def _report(client: Client) -> str:
    """The second of two reports whose evidence is hostile; its id."""
    controls = [
        {
            "id": "Z-1",
            "title": f"Wombats {HOSTILE}"[:300],
            "text": f"Wombats are fed. {HOSTILE}",
            "queries": ["wombat end"],
        },
        {"id": "Z-2", "title": "Telepathy", "text": "It is read what they think.", "queries": ["zyzzyva"]},
    ]
    framework = {"id": "zoo", "version": "1", "title": "Zoo rules \u202e", "license": "CC0-1.0", "controls": controls}
    assert (await client.post("/compliance/frameworks", framework)).status == 201
    made = [await _made(client) for _ in range(2)]
    return made[-1]


async def _made(client: Client) -> str:
    started = (await client.post("/compliance/reports", {"framework_id": "zoo"})).body
    await client.ended(started["task_ids"]["report"])
    return str(started["report_id"])


def _guide(*, changed: bool) -> Answers:
    names = ["feeding", "sleeping", "digging", "friends"] + (["swimming"] if changed else ["flying"])
    pages: Answers = {
        f"/docs/{name}": html(
            name.title(), text=f"Wombats and {name}: {_sentence(name, changed=changed)}</p>{CODE}<p>So much."
        )
        for name in names
    }
    return {"/docs/": html("Wombats", tuple(f"/docs/{name}" for name in names)), **pages}


def _sentence(name: str, *, changed: bool) -> str:
    return (
        f"all about {name} in the {'evening' if changed and name == 'feeding' else 'morning'}, with emoji 🦘 and 漢字"
    )


async def _save_queries(client: Client, source_id: str) -> None:
    for query, page in (("feeding wombats", "/docs/feeding"), ("digging", "/docs/digging")):
        saved = await client.post(f"/sources/{source_id}/queries", {"query": query, "expected": [page]})
        assert saved.status in (200, 201), saved.body
    evaluated = await client.post(f"/sources/{source_id}/evaluate", {})
    assert evaluated.status == 200, evaluated.body


async def _paused(client: Client) -> str:
    long = {"task_type": "test", "title": "Wombats, one by one", "payload": {"steps": 10_000, "seconds": 0.05}}
    task_id = str((await client.post("/tasks", long)).body["task_id"])
    await client.until(task_id, lambda event: event["type"] == "task_started")
    await client.post(f"/tasks/{task_id}/pause", {})
    await client.until(task_id, lambda event: event["type"] == "task_paused")
    return task_id


@dataclass(frozen=True)
class SeededStories:
    """A server with stories on it, by id: one that waits for a word, one that somebody changed meanwhile, one that failed."""

    server: ServerProcess
    there: Shortcut
    undecided: str
    conflict: str
    failed: str


@asynccontextmanager
async def seeded_stories(folder: Path) -> AsyncIterator[SeededStories]:
    """A server of its own, with a model and a Shortcut that stay up meanwhile. What they say is hostile."""
    async with shortcut() as there, model_server(_said) as model, aiohttp.ClientSession() as session:
        server = ServerProcess(folder, **story_settings(there, model))
        await server.start()
        try:
            client = Client(server.url, session)
            await put(client, needs_approval=True)
            await put(client, name="zoo", dry_run=True)
            stories = []
            for name in ("Slow export", "Slow import"):
                number = there.add(
                    f"{name} \u202e", f"It is slow.\n\n## Steps\n\nPress it. {HOSTILE}", labels=["<b>bug</b>"]
                )
                stories.append((number, await ask(client, there, number)))
            for _, story_id in stories:
                await story_in(client, story_id, "needs_approval")
            number, conflict = stories[1]
            there.edit(number, description=f"It is slower. {HOSTILE}")
            await client.post(f"/stories/{conflict}/approve", {})
            await story_in(client, conflict, "conflict")
            there.fail(*[Fault(401)] * 20)
            failed = await ask(client, there, there.add("Never read", labels=[]))
            await story_in(client, failed, "failed")
            yield SeededStories(server, there, stories[0][1], conflict, failed)
        finally:
            await server.stop()


def report_settings(model: ChatServer) -> dict[str, str]:
    """Of a server whose reports ask this model, one control after the other."""
    return {
        "GLEANERY_CHAT_MODEL": "gpt-test",
        "GLEANERY_ENRICH": ",",
        "GLEANERY_CHAT_CONCURRENCY": "1",
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "sk-test",
    }


def story_settings(there: Shortcut, model: ModelServer) -> dict[str, str]:
    """Of a server whose agents ask this model and which reads and writes this Shortcut."""
    return {
        "GLEANERY_SHORTCUT_URL": there.api,
        "GLEANERY_CHAT_MODEL": "gpt-test",
        "GLEANERY_ENRICH": ",",
        "GLEANERY_CHAT_PRICE_PER_MILLION": "2,8",
        "OPENAI_BASE_URL": model.base_url,
        "OPENAI_API_KEY": "sk-test",
    }


def _said(turn: Turn) -> Calls | str:
    if turn.asks_for("kind"):
        return json.dumps({**TRIAGE, "summary": f"Slow. {HOSTILE}", "missing": [f"criteria {HOSTILE}"]})
    if turn.asks_for("title"):
        return json.dumps({**ENHANCEMENT, "open_questions": [f"Who? {HOSTILE}"]})
    if not turn.results:
        return Calls(("search_knowledge", {"query": f"export {HOSTILE}"}))
    return json.dumps(ANALYSIS)


@asynccontextmanager
async def seeded_parses(server: ServerProcess) -> AsyncIterator[SeededParses]:
    """Parses of a site that stays up meanwhile."""
    answers: Answers = {
        "/form": FORM,
        "/file": Answer(b"PK\x03\x04", content_type="application/zip"),
        "/never": Answer(FORM, gate=asyncio.Event()),
    }
    async with aiohttp.ClientSession() as session, written_site(answers) as site:
        client = Client(server.url, session)
        done, failed = [await _parse(client, f"{site.url}{path}") for path in ("/form", "/file")]
        for task_id in (done, failed):
            await client.ended(task_id)
        running = await _parse(client, f"{site.url}/never")
        await client.until(running, lambda event: event["data"].get("stage") == "navigating_to_page")
        yield SeededParses(done, failed, running)


async def _parse(client: Client, url: str) -> str:
    asked = await client.post("/web-pages/parse", {"url": url, "include_dom": True, "timeout_seconds": 300})
    assert asked.status == 202, asked.body
    return str(asked.body["task_id"])


async def _demo_tasks(client: Client) -> str:
    """Some that wait and one that failed for good; its id."""
    failing = {
        "task_type": "test",
        "title": "Wombat count",
        "max_retries": 0,
        "payload": {"steps": 3, "seconds": 0, "fail_at": 2},
    }
    failed = await client.post("/tasks", failing)
    assert failed.status == 202, failed.body
    await client.ended(failed.body["task_id"])
    later = {"task_type": "test", "title": "Next year's count", "run_at": "2099-01-01T00:00:00Z", "priority": 70}
    waiting = await client.post("/tasks", later)
    assert waiting.status == 202, waiting.body
    dependent = {"task_type": "test", "title": "Report", "depends_on": [waiting.body["task_id"]]}
    assert (await client.post("/tasks", dependent)).status == 202
    return str(failed.body["task_id"])


async def _schedule(client: Client, source_id: str) -> None:
    body = {"name": "Nightly wombats", "interval_seconds": 86_400, "task_type": "test", "payload": {"steps": 1}}
    made = await client.post("/schedules", body)
    assert made.status in (201, 202), (made.body, source_id)


async def _page_of(client: Client, source_id: str, path: str) -> str:
    pages: Sequence[dict[str, str]] = await client.every(f"/sources/{source_id}/pages")
    return next(page["page_id"] for page in pages if page["url"].endswith(path))
