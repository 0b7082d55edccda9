"""The documents can't drift: what the code has is written down, what is written down is there, and links lead somewhere."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any, get_args

import pytest
import socketio
from pydantic import BaseModel

from gleanery import errors
from gleanery.agents.enrich import EnrichPart
from gleanery.api import (
    change_shapes,
    compliance_shapes,
    crawl_shapes,
    embedder,
    export,
    health_shapes,
    holding_shapes,
    live,
    saved_query_shapes,
    schedules,
    search_shapes,
    settings,
    source_shapes,
    story_shapes,
    task_shapes,
    trace_shapes,
    upload,
    webhooks,
)
from gleanery.api.source_schedule import SourceScheduleRequest
from gleanery.cli.arguments import build_parser
from gleanery.cli.exits import Exit
from gleanery.config import Settings, env_name
from gleanery.handlers.crawl.payload import BrowserOptions, CrawlChange, CrawlStart, RefreshRequest
from gleanery.handlers.crawl.reasons import Reason
from gleanery.handlers.crawl.rendering import RenderMode
from gleanery.handlers.demo import TestPayload
from gleanery.handlers.enrich.payload import EnrichSourcePayload
from gleanery.handlers.group_traces.payload import GroupTracesPayload
from gleanery.knowledge.changes import CodeChange, SectionChange
from gleanery.knowledge.embedders.refusals import TextFault
from gleanery.knowledge.grouping.values import ValueType
from gleanery.knowledge.line_diff import LineKind
from gleanery.model import (
    CrawlStage,
    DeliveryState,
    DependencyFailure,
    EventType,
    FetchedBy,
    GenerationState,
    MissedTicks,
    PageChange,
    TaskStatus,
    UrlOrigin,
    UrlState,
    stories,
)
from gleanery.model.stories import StoryState
from gleanery.model.traces import GroupChange
from gleanery.store.vector_store import ModelState
from gleanery.web.crawl_mode import ModeKind
from gleanery.web.discover import Outcome
from gleanery.web.scope import Refusal
from gleanery.web.sitemaps import SitemapProblem
from tests.api.client import Client
from tests.documents import EXAMPLE, PACKAGE, PAGES, ROOT, Page, coded, first_codes, section

DOCUMENTS = [
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "DECISIONS.md",
    "README.md",
    "deploy/README.md",
    "docs/adding-a-task-type.md",
]
PICTURE = "docs/ui.png"
CODE_LANGUAGES = {"bash", "javascript", "json", "python", "text"}
SAID_OTHERWISE = {
    "GLEANERY_DATA_DIR": "`~/.local/share/gleanery`",
    "GLEANERY_EXTRACT_PROCESSES": "one for each CPU, at most 4",
    "GLEANERY_QUEUE_CONCURRENCY": "",
    "GLEANERY_ENRICH": "`context,code,source`",
}
"""Defaults that are made, or written otherwise than Python does."""


# The example as a site


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_good_html(name: str) -> None:
    page = Page(name)
    assert page.text.startswith('<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>')
    assert [page.tags.count(tag) for tag in ("title", "main", "h1", "nav")] == [1, 1, 1, 1]
    assert not {"script", "style", "iframe", "img", "form"} & set(page.tags)
    assert len(set(page.ids)) == len(page.ids)
    assert all("id" in attributes for tag, attributes in page.attributes if tag in ("h1", "h2", "h3"))
    assert any(attributes.get("name") == "description" and attributes["content"] for _, attributes in page.attributes)
    blocks = re.findall(r"<pre><code class=\"language-(\w+)\">", page.text)
    assert len(blocks) == page.tags.count("pre")
    assert set(blocks) <= CODE_LANGUAGES


@pytest.mark.parametrize("name", PAGES)
def test_a_page_links_only_to_what_is_there(name: str) -> None:
    page = Page(name)
    assert [attributes["href"] for tag, attributes in page.attributes if tag == "link"] == ["style.css"]
    for link in page.links:
        target, _, anchor = link.partition("#")
        # `./` and not index.html: the crawler keeps the two apart.
        file = "index.html" if target == "./" else target or name
        assert file in PAGES, link
        assert target != "index.html"
        assert not anchor or anchor in Page(file).ids, link


def test_every_page_has_the_same_navigation_and_is_in_it() -> None:
    navigations = {
        re.sub(' aria-current="page"', "", page.text.partition("<main>")[0].partition("<nav")[2])
        for page in map(Page, PAGES)
    }
    assert len(navigations) == 1
    assert sorted(re.findall(r'href="([^"]+)"', navigations.pop())) == sorted({*PAGES, "./"} - {"index.html"})


def test_every_page_is_reachable_from_the_text_of_the_index() -> None:
    main = Page("index.html").text.partition("<main>")[2]
    assert {*re.findall(r'href="([^"#]+)', main), "index.html"} >= set(PAGES)


def test_the_style_sheet_fetches_nothing() -> None:
    assert not re.search(r"url\(|@import|https?:", (EXAMPLE / "style.css").read_text())


async def test_the_example_can_be_crawled_and_searched(client: Client) -> None:
    health = await client.call("GET", "/health")
    crawl = await client.crawl(health.body["example_url"])
    assert crawl.status == "completed"
    assert (crawl.task["result"]["pages"], crawl.task["result"]["failed"], crawl.task["result"]["reasons"]) == (
        len(PAGES),
        0,
        {},
    )
    blocks = sum(page.tags.count("pre") for page in map(Page, PAGES))
    assert crawl.task["result"]["code_examples"] == blocks
    for query, page in {
        "how do I cancel a task": "tasks.html#cancel",
        "GLEANERY_ALLOW_ADDRESSES private site": "settings.html#private-sites",
        "robots.txt unreachable": "politeness.html#",
        "upload a PDF file": "formats.html#upload",
        "what happens after a power cut": "crashes.html#after-a-crash",
        "exit codes": "command-line.html#exit-codes",
        "verify webhook signature": "webhooks.html#verify",
        "daylight saving time cron clock changes": "schedules.html#clock",
        "pause and resume": "tasks.html#pause",
        "subscribe_to_progress": "live-progress.html#",
    }.items():
        hits = (await client.post("/search", {"query": query, "limit": 5})).body["hits"]
        assert any(page in hit["url"] for hit in hits), (query, [hit["url"] for hit in hits])


# Settings


def setting_rows() -> list[list[str]]:
    """Name, default and meaning of every setting, as the tables say them."""
    return [
        [env_name(name), SAID_OTHERWISE.get(env_name(name), _default(field.default)), field.description or ""]
        for name, field in Settings.model_fields.items()
    ]


def _default(value: Any) -> str:
    if value is None or value == ():
        return ""
    return f"`{value.value if isinstance(value, Enum) else value}`"


def test_the_readme_lists_every_setting() -> None:
    table = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert [list(row) for row in table] == setting_rows()


def test_the_example_lists_every_setting() -> None:
    rows = [[f"`{name}`", default, meaning] for name, default, meaning in setting_rows()]
    assert Page("settings.html").rows == [["Variable", "Default", "Meaning"], *rows]


# REST


async def test_every_route_and_parameter_is_in_the_rest_page(client: Client) -> None:
    document = (await client.call("GET", "/openapi.json")).body
    operations = {
        f"{method.upper()} {path}": {p["name"] for p in operation["parameters"] if p["in"] != "path"}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    text = (EXAMPLE / "rest.html").read_text()
    documented = dict(re.findall(r"<h3 id=\"([\w-]+)\"><code>(\S+ \S+)</code></h3>", text))
    assert sorted(documented.values()) == sorted(operations)
    for heading_id, operation in documented.items():
        missing = operations[operation] - coded(section("rest.html", heading_id))
        assert not missing, operation


@pytest.mark.parametrize(
    ("model", "page", "heading_id"),
    [
        (CrawlStart, "scope.html", "options"),
        (BrowserOptions, "rendering.html", "options"),
        (crawl_shapes.CrawlStarted, "rest.html", "knowledge-add"),
        (crawl_shapes.PreviewShape, "rest.html", "knowledge-preview"),
        (crawl_shapes.RobotsShape, "rest.html", "knowledge-preview"),
        (crawl_shapes.TriedShape, "rest.html", "knowledge-preview"),
        (crawl_shapes.BranchShape, "rest.html", "knowledge-preview"),
        (crawl_shapes.EstimateShape, "rest.html", "knowledge-preview"),
        (upload.UploadStart, "rest.html", "knowledge-upload"),
        (upload.UploadStart, "formats.html", "upload"),
        (crawl_shapes.KnowledgeStatus, "rest.html", "knowledge-status"),
        (search_shapes.SearchRequest, "rest.html", "search-passages"),
        (search_shapes.SearchRequest, "search.html", "search-passages"),
        (search_shapes.CodeSearchRequest, "rest.html", "search-code"),
        (search_shapes.HitShape, "rest.html", "search-passages"),
        (search_shapes.SearchReply, "rest.html", "search-passages"),
        (search_shapes.CodeSearchReply, "rest.html", "search-code"),
        (search_shapes.FacetsReply, "rest.html", "search-facets"),
        (search_shapes.FacetShape, "rest.html", "search-facets"),
        (search_shapes.SourceFacetShape, "rest.html", "search-facets"),
        (RefreshRequest, "rest.html", "source-refresh"),
        (RefreshRequest, "refresh.html", "start"),
        (source_shapes.SourceChangeRequest, "rest.html", "source-change"),
        (source_shapes.LastCrawlShape, "rest.html", "sources-list"),
        (holding_shapes.BranchPage, "rest.html", "source-tree"),
        (holding_shapes.FolderShape, "rest.html", "source-tree"),
        (holding_shapes.StorageShape, "rest.html", "source-storage"),
        (holding_shapes.HeldShape, "rest.html", "source-storage"),
        (holding_shapes.LanguageCount, "rest.html", "source-storage"),
        (holding_shapes.EmbeddingTask, "rest.html", "source-storage"),
        (holding_shapes.EmbeddingTotals, "rest.html", "source-storage"),
        (SourceScheduleRequest, "rest.html", "source-schedule"),
        (source_shapes.GenerationShape, "rest.html", "generations"),
        (change_shapes.PageCounts, "rest.html", "changes"),
        (change_shapes.PageDeltaShape, "rest.html", "changes-pages"),
        (change_shapes.PageDiffShape, "rest.html", "changes-page"),
        (change_shapes.SectionDiffShape, "rest.html", "changes-page"),
        (change_shapes.CodeDiffShape, "rest.html", "changes-page"),
        (change_shapes.DiffLineShape, "rest.html", "changes-page"),
        (saved_query_shapes.SavedQueryRequest, "rest.html", "queries-create"),
        (saved_query_shapes.SavedQueryRequest, "quality.html", "save"),
        (saved_query_shapes.QueryFilters, "rest.html", "queries-create"),
        (saved_query_shapes.SavedQueryShape, "rest.html", "queries"),
        (saved_query_shapes.EvaluateRequest, "rest.html", "evaluate"),
        (saved_query_shapes.EvaluationShape, "rest.html", "evaluate"),
        (saved_query_shapes.QueryResultShape, "rest.html", "evaluate"),
        (embedder.EmbedderRequest, "rest.html", "embedder-change"),
        (embedder.EmbedderRequest, "models.html", "options"),
        (embedder.EmbedderShape, "models.html", "progress"),
        (embedder.BuildingShape, "models.html", "progress"),
        (embedder.FailedText, "models.html", "progress"),
        (embedder.EstimateRequest, "rest.html", "embedder-estimate"),
        (embedder.EmbeddingEstimate, "rest.html", "embedder-estimate"),
        (export.ImportStart, "rest.html", "knowledge-import"),
        (export.ImportStart, "backup.html", "import"),
        (EnrichSourcePayload, "models.html", "chat"),
        (change_shapes.PageVersionShape, "rest.html", "page-versions"),
        (source_shapes.PageLookupRequest, "rest.html", "page-lookup"),
        (source_shapes.PageLookup, "rest.html", "page-lookup"),
        (crawl_shapes.UrlShape, "rest.html", "task-pages"),
        (crawl_shapes.UrlCounts, "rest.html", "task-page-counts"),
        (crawl_shapes.ReasonCount, "rest.html", "task-page-counts"),
        (CrawlChange, "rest.html", "knowledge-crawl-change"),
        (CrawlChange, "scope.html", "change"),
        (task_shapes.TaskRequest, "rest.html", "tasks-create"),
        (task_shapes.TaskRequest, "tasks.html", "start"),
        (task_shapes.TaskType, "rest.html", "task-types"),
        (task_shapes.TaskStatsShape, "rest.html", "tasks-stats"),
        (task_shapes.SpreadShape, "rest.html", "tasks-stats"),
        (task_shapes.TaskCounts, "rest.html", "tasks-counts"),
        (task_shapes.TimelineShape, "rest.html", "tasks-timeline"),
        (task_shapes.TimelineBucketShape, "rest.html", "tasks-timeline"),
        (task_shapes.TaskSelection, "rest.html", "tasks-cancel"),
        (task_shapes.Steered, "rest.html", "tasks-cancel"),
        (task_shapes.PruneRequest, "rest.html", "tasks-prune"),
        (task_shapes.Pruned, "rest.html", "tasks-prune"),
        (task_shapes.TaskChange, "rest.html", "task-change"),
        (schedules.ScheduleRequest, "rest.html", "schedules-create"),
        (schedules.ScheduleChange, "rest.html", "schedules-create"),
        (schedules.ScheduleDetail, "schedules.html", "fields"),
        (schedules.ScheduleRun, "rest.html", "schedule-run"),
        (webhooks.DeliveryDetail, "webhooks.html", "deliveries"),
        (settings.SettingShape, "rest.html", "settings"),
        (health_shapes.Health, "rest.html", "health"),
        (health_shapes.BackgroundHealth, "rest.html", "health-background-tasks"),
        (health_shapes.BackgroundHealth, "workers.html", "health"),
        (health_shapes.QueueHealth, "workers.html", "health"),
        (health_shapes.ActiveTask, "workers.html", "health"),
        (health_shapes.WorkerShape, "workers.html", "health"),
        (trace_shapes.TraceRequest, "rest.html", "traces-add"),
        (trace_shapes.TraceRequest, "traces.html", "send"),
        (trace_shapes.TracesStored, "rest.html", "traces-add"),
        (trace_shapes.TracesForgotten, "rest.html", "traces-delete"),
        (trace_shapes.ForgettingTask, "rest.html", "traces-delete"),
        (trace_shapes.PartialSuccess, "rest.html", "traces-otlp"),
        (trace_shapes.TracePlaceShape, "rest.html", "traces-places"),
        (trace_shapes.TraceGroupShape, "rest.html", "traces-groups"),
        (trace_shapes.VariableShape, "rest.html", "traces-groups"),
        (trace_shapes.ImplementationShape, "rest.html", "traces-group"),
        (trace_shapes.GroupHistory, "rest.html", "traces-group-history"),
        (trace_shapes.GroupEventShape, "rest.html", "traces-group-history"),
        (trace_shapes.DriftPointShape, "rest.html", "traces-group-history"),
        (GroupTracesPayload, "tasks.html", "types"),
        (compliance_shapes.FrameworkShape, "rest.html", "framework"),
        (compliance_shapes.ReportRequest, "rest.html", "reports-start"),
        (compliance_shapes.ReportSummary, "rest.html", "reports-list"),
        (compliance_shapes.ReportShape, "compliance.html", "report"),
        (compliance_shapes.ControlShape, "compliance.html", "report"),
        (compliance_shapes.AssessmentShape, "compliance.html", "verdicts"),
        (compliance_shapes.ComparisonShape, "rest.html", "report-compare"),
        (story_shapes.WorkspaceRequest, "rest.html", "workspace-put"),
        (story_shapes.WorkspaceRequest, "stories.html", "workspaces"),
        (stories.Workspace, "rest.html", "workspace"),
        (story_shapes.WebhookReply, "rest.html", "webhook-shortcut"),
        (story_shapes.AskedStory, "rest.html", "webhook-shortcut"),
        (story_shapes.StorySummary, "rest.html", "stories-list"),
        (story_shapes.StoryShape, "stories.html", "story"),
        (story_shapes.StoryTask, "stories.html", "story"),
        (story_shapes.StoryAfter, "stories.html", "story"),
        (story_shapes.StoryDiff, "stories.html", "story"),
        (story_shapes.RejectRequest, "rest.html", "story-reject"),
        (stories.Story, "stories.html", "story"),
        (stories.Triage, "stories.html", "story"),
        (stories.Analysis, "stories.html", "story"),
        (stories.Enhancement, "stories.html", "story"),
        (stories.CitedSource, "stories.html", "story"),
        (stories.AgentStep, "stories.html", "story"),
        (TestPayload, "tasks.html", "types"),
        (task_shapes.TaskShape, "tasks.html", "fields"),
        (task_shapes.EventShape, "tasks.html", "events"),
    ],
)
def test_every_field_of_a_shape_is_described(model: type[BaseModel], page: str, heading_id: str) -> None:
    assert set(model.model_fields) - coded(section(page, heading_id)) == set()


def test_the_paths_beside_the_api_are_in_the_rest_page() -> None:
    cells = re.findall(r"<tr><td>(.*?)</td>", section("rest.html", "other-paths"))
    documented = {code for cell in cells for code in re.findall(r"<code>(.*?)</code>", cell)}
    assert documented == {"/", "/openapi.json", "/docs", "/example/", "/socket.io/", "/ws/tasks/{task_id}/status"}


async def test_the_options_of_a_crawl_have_the_defaults_that_are_told() -> None:
    told = {
        row[0].strip("`"): row[1] for row in Page("scope.html").rows if row[0].strip("`") in CrawlStart.model_fields
    }
    defaults = {name: field.get_default(call_default_factory=True) for name, field in CrawlStart.model_fields.items()}
    expected = {
        name: "" if name == "url" or value is None else str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in defaults.items()
    }
    assert told == expected


# Tasks, events, codes


def test_every_state_stage_choice_and_event_is_described() -> None:
    assert {str(status) for status in TaskStatus} <= coded(section("tasks.html", "states"))
    assert {str(state) for state in UrlState} <= coded(section("rest.html", "task-pages"))
    assert {str(state) for state in UrlState} == first_cells("decisions.html", "states")
    assert {str(origin) for origin in UrlOrigin} == first_cells("discovery.html", "origins")
    assert {str(outcome) for outcome in Outcome} == first_cells("discovery.html", "lists")
    assert {str(way) for way in FetchedBy} == first_cells("decisions.html", "got")
    assert {str(mode) for mode in ModeKind} == first_cells("preview.html", "mode")
    assert {str(mode) for mode in RenderMode} == first_cells("rendering.html", "modes")
    assert {str(stage) for stage in CrawlStage} <= coded(section("crawling.html", "stages"))
    assert {str(choice) for choice in DependencyFailure} <= coded(section("tasks.html", "dependencies"))
    assert {str(choice) for choice in MissedTicks} <= coded(section("schedules.html", "missed"))
    assert {str(state) for state in DeliveryState} <= coded(section("webhooks.html", "deliveries"))
    assert {str(state) for state in GenerationState} == first_cells("refresh.html", "generations")
    assert {*map(str, (*PageChange, *SectionChange, *CodeChange))} <= coded(section("refresh.html", "changes"))
    assert {str(kind) for kind in LineKind} <= coded(section("rest.html", "changes-page"))
    assert {str(state) for state in ModelState} <= coded(section("models.html", "change"))
    assert {str(fault) for fault in TextFault} == first_cells("models.html", "refused-texts")
    assert {str(part) for part in EnrichPart} == first_cells("models.html", "chat")
    assert {str(kind) for kind in ValueType} == first_cells("traces.html", "variables")
    assert {str(change) for change in GroupChange} == first_cells("traces.html", "grouping")
    assert {str(state) for state in StoryState} == first_cells("stories.html", "states")
    events = [row[0].strip("`") for row in Page("tasks.html").rows if len(row) == 3 and row[0] != "Type"]
    assert events == [str(event) for event in EventType]


async def test_every_task_type_is_described_and_no_other(client: Client) -> None:
    types = (await client.one("/task-types"))["items"]
    described = re.findall(r"<tr><td><code>(\w+)</code>", section("tasks.html", "types"))
    assert sorted(described) == [one["task_type"] for one in types]
    can_pause = {one["task_type"] for one in types if one["can_pause"]}
    assert can_pause <= coded(section("tasks.html", "pause"))


def test_the_data_of_events_is_told_as_the_code_says_it() -> None:
    """What the comments beside the types of the engine's own events name is in the table, and no more."""
    source = (PACKAGE / "model" / "tasks.py").read_text()
    said = {
        event: set(re.findall(r"\w+", keys))
        for event, keys in re.findall(r'= "(\w+)"  # \{(.*?)\}', source)
        if event.startswith("task_")
    }
    told = {row[0].strip("`"): set(re.findall(r"\w+", row[2])) for row in Page("tasks.html").rows if len(row) == 3}
    assert {event: told[event] for event in said} == said


def test_every_error_code_and_reason_is_described_and_no_other() -> None:
    statuses = {f"http_{status}" for status in errors.HttpStatus.passing}
    codes = (
        {kind.code for kind in error_classes(errors.GleaneryError)}
        | set(written_codes())
        | {*map(str, Refusal), *map(str, Reason), *warnings()}
        | statuses
    )
    examples = {"http_403", "http_404"}
    assert first_codes("errors.html") == codes | examples


def test_what_can_pass_is_told_as_tried_again() -> None:
    told = {
        code: row[1]
        for row in Page("errors.html").rows
        if row[1] in ("yes", "no")
        for code in re.findall(r"`(\w+)`", row[0])
    }
    kinds = {kind.code: kind.can_retry for kind in error_classes(errors.FetchError)}
    for code, is_tried_again in told.items():
        status = re.fullmatch(r"http_(\d+)", code)
        can_pass = int(status[1]) in errors.HttpStatus.passing if status else kinds[code]
        assert (is_tried_again == "yes") is can_pass, code


def test_every_reason_is_told_in_its_own_words() -> None:
    """The sentence that a URL is shown with stands in the table, perhaps with what to do about it."""
    told = {row[0].strip("`"): row[1].replace("`", "") for row in Page("errors.html").rows if len(row) == 2}
    said = {str(reason): reason.sentence for reason in (*Refusal, *Reason)}
    assert {code: sentence for code, sentence in said.items() if not told[code].startswith(sentence.rstrip("."))} == {}


def warnings() -> Iterator[str]:
    """Codes of warnings that are no errors."""
    for file in (PACKAGE / "handlers").rglob("*.py"):
        yield from re.findall(r'\b(?:_?warn|_tell_once)\(\s*"(\w+)"', file.read_text())


def first_cells(page: str, heading_id: str) -> set[str]:
    """What stands in code marks in the first cells of the rows of one section."""
    return set(re.findall(r"<tr><td><code>(\w+)</code>", section(page, heading_id)))


def error_classes(root: type[errors.GleaneryError]) -> Iterator[type[errors.GleaneryError]]:
    yield root
    for kind in root.__subclasses__():
        yield from error_classes(kind)


def test_every_reason_of_a_place_that_was_tried_is_described_and_no_other() -> None:
    described = {
        code
        for cell in re.findall(r"<tr><td>(.*?)</td>", section("discovery.html", "tried-reasons"))
        for code in re.findall(r"<code>(\w+)</code>", cell)
    }
    written = set(
        re.findall(r'reason="(\w+)"|_refuse\(entry\.url, "(\w+)"|"(enough_urls|no_bytes_left)"', DISCOVER.read_text())
    )
    assert described == {code for found in written for code in found if code} | {*map(str, SitemapProblem)}


DISCOVER = PACKAGE / "web" / "discover.py"
CODE_ARGUMENTS = {"ErrorInfo": 0, "failure": 1, "ServerRefused": 1, "skip_queued": 1}
"""Calls that name a code of their own, and the position where they do."""


def written_codes() -> Iterator[str]:
    """Codes and reasons that stand in the code as text."""
    # What a list of a site's pages lacks is told elsewhere: `tried_reasons`.
    for file in {*PACKAGE.rglob("*.py")} - {DISCOVER}:
        for call in (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            position = CODE_ARGUMENTS.get(name)
            found: list[ast.expr] = call.args[position : position + 1] if position is not None else []
            keyword = {"InvalidUrl": "kind", "replace": "reason", "FrontierUrl": "reason"}.get(name)
            found += [word.value for word in call.keywords if word.arg == keyword]
            yield from (node.value for node in found if isinstance(node, ast.Constant) and isinstance(node.value, str))


# Live progress


async def test_every_message_and_field_of_live_progress_is_described(client: Client) -> None:
    task_id = str((await client.crawl(f"{client.url}/example/", max_pages=1)).task_id)
    async with client.session.ws_connect(f"{client.url}/ws/tasks/{task_id}/status") as line:
        update = await line.receive_json()
    assert set(update) - coded(section("live-progress.html", "update")) == set()
    assert set(get_args(task_shapes.SeedStatus)) <= coded(section("live-progress.html", "update"))
    sent = coded(section("live-progress.html", "client-messages"))
    handled = re.findall(r'\("(\w+)", self\._\w+\)', Path(live.__file__).read_text())
    assert set(handled) - {"connect", "disconnect"} <= sent
    assert {"crawl_progress", "task_progress", "tasks_changed"} <= coded(
        section("live-progress.html", "server-messages")
    )
    socket = socketio.AsyncClient()
    await socket.connect(client.url)
    ack = await socket.call("subscribe_to_progress", {"progressId": task_id, "lastSeq": 0})
    await socket.disconnect()
    assert set(ack) - sent == set()


# Command line


def parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands below a parser."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(groups[0].choices) if groups else {}


def flags(parser: argparse.ArgumentParser) -> set[str]:
    return {flag for action in parser._actions for flag in action.option_strings} - {"-h", "--help", "--version"}


def test_every_command_and_flag_is_described() -> None:
    commands = parsers(build_parser())
    text = (EXAMPLE / "command-line.html").read_text()
    assert sorted(re.findall(r'<h2 id="\w+"><code>gleanery (\w+)', text)) == sorted(commands)
    for name, parser in commands.items():
        actions = parsers(parser)
        told = section("command-line.html", name)
        assert [action for action in actions if f"<code>gleanery {name} {action}" not in told] == []
        wanted = set().union(*map(flags, (parser, *actions.values())))
        assert {flag for flag in wanted if not re.search(rf"<code>{re.escape(flag)}[ <]", told)} == set(), name
    readme = (ROOT / "README.md").read_text()
    assert [name for name in commands if not re.search(rf"^gleanery {name} ", readme, re.MULTILINE)] == []


def test_every_exit_code_is_described() -> None:
    rows = [row for row in Page("command-line.html").rows if row[0].isdigit()]
    assert [int(code) for code, _ in rows] == sorted(Exit)


# The documents beside it


def test_the_readme_is_short_and_begins_with_the_two_commands() -> None:
    lines = (ROOT / "README.md").read_text().splitlines()
    assert len([line for line in lines if not line.startswith("| `")]) <= 95  # the table of settings grows with them
    code = [line for line in lines[lines.index("```sh") + 1 :] if line][:2]
    assert [line.partition("#")[0].strip() for line in code] == ["make run", "make test"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_between_documents_lead_somewhere(name: str) -> None:
    file = ROOT / name
    links = re.findall(r"\]\(([^)\s]+)\)", file.read_text())
    near = [link.partition("#")[0] for link in links if not link.startswith(("http://", "https://"))]
    assert [link for link in near if link != PICTURE and not (file.parent / link).exists()] == []


def test_the_picture_of_the_readme_is_there() -> None:
    assert (ROOT / PICTURE).is_file()


def test_the_map_names_every_package_and_only_what_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rows = re.findall(r"^\| (`.+?) \| .* \|$", text, re.MULTILINE)
    named = [path for row in rows for path in re.findall(r"`([^`]+)`", row)]
    missing = [path for path in named if "/" in path and not (ROOT / path).exists()]
    assert missing == []
    packages = {f"server/gleanery/{file.parent.name}/" for file in PACKAGE.glob("*/__init__.py")}
    assert packages - set(named) == set()


def named_files(title: str) -> list[str]:
    """What the first cells of the table in one part of ARCHITECTURE.md name, without folders."""
    part = (ROOT / "ARCHITECTURE.md").read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| .* \|$", part, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row) if "/" not in name]


def test_the_tables_of_files_name_only_what_exists() -> None:
    crawl = sorted(file.name for file in (PACKAGE / "handlers" / "crawl").glob("[!_]*.py"))
    assert sorted(named_files("The crawl")) == crawl
    knowledge = named_files("The knowledge base")
    assert knowledge
    assert [name for name in knowledge if not (PACKAGE / "knowledge" / name).is_file()] == []


def test_every_decision_has_a_date() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "DECISIONS.md").read_text(), re.MULTILINE)
    assert headings
    assert [heading for heading in headings if not re.match(r"\d{4}-\d\d-\d\d: ", heading)] == []
    dates = [heading[:10] for heading in headings]
    assert dates == sorted(dates)


def test_the_changelog_has_room_for_the_next_change() -> None:
    assert "\n## [Unreleased]\n" in (ROOT / "CHANGELOG.md").read_text()
