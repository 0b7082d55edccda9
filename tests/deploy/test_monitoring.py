"""Dashboard, alert rules and autoscaling ask for metrics and labels that there are, and the dashboard shows them all."""

from __future__ import annotations

import html
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser
import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from tests.api.client import Client
from tests.deploy.manifests import compose, manifests
from tests.deploy.own_postgres import DEPLOY
from tests.documents import section

SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds."""
FOREIGN = {
    "up": set(),
    "kubelet_volume_stats_available_bytes": {"namespace", "persistentvolumeclaim"},
    "kubelet_volume_stats_capacity_bytes": {"namespace", "persistentvolumeclaim"},
}
"""Metrics of others with the labels that are used of them."""
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}
JOBS = {"gleanery-api", "gleanery-worker"}


@dataclass(frozen=True)
class Query:
    """`shown` are the labels that its legend or its sentence names."""

    where: str
    expr: str
    shown: frozenset[str]


def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((DEPLOY / "monitoring/grafana/dashboard.json").read_text())
    return loaded


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "monitoring/alerts.yaml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> Iterator[Query]:
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            expr = target["expr"]
            for name, value in VARIABLES.items():
                expr = expr.replace(name, value)
            yield Query(panel["title"], expr, frozenset(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])))
    for rule in rules():
        shown = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        yield Query(rule["alert"], rule["expr"], frozenset(shown))
    for one in manifests("ScaledObject"):
        yield Query(one["metadata"]["name"], one["spec"]["triggers"][0]["metadata"]["query"], frozenset())


def described() -> dict[str, set[str]]:
    """Metric → the words beside it that are set as code, its labels among them."""
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", section("workers.html", "metrics"), re.DOTALL)
    found = {}
    for names, meaning in rows:
        for name in re.findall(r"<code>(gleanery_\w+)</code>", names):
            found[name] = set(re.findall(r"<code>(\w+)</code>", html.unescape(meaning)))
    return found


@pytest.fixture
async def labels(client: Client) -> Mapping[str, set[str]]:
    """Name of every sample that a server gives → its labels. Of what it has not counted yet the document tells."""
    await client.ended((await client.post("/tasks", {"task_type": "test", "payload": {"seconds": 0}})).body["task_id"])
    found: defaultdict[str, set[str]] = defaultdict(set)
    for family in text_string_to_metric_families((await client.call("GET", "/metrics")).body):
        told = described()
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
        if not family.samples:
            is_histogram = family.type == "histogram"
            name = {"counter": f"{family.name}_total", "histogram": f"{family.name}_bucket"}.get(
                family.type, family.name
            )
            found[name] |= told.get(family.name, set()) | told.get(name, set()) | ({"le"} if is_histogram else set())
    return {**found, **FOREIGN}


def check(query: Query, labels: Mapping[str, set[str]]) -> list[str]:
    """What it asks for that there isn't."""
    problems: list[str] = []
    whole: set[str] = set()
    grouped: set[str] = set()

    def look(expr: Any) -> None:
        match type(expr).__name__:
            case "VectorSelector":
                known = labels.get(expr.name)
                if known is None:
                    problems.append(f"no metric {expr.name}")
                    return
                whole.update(known)
                asked = {matcher.name for matcher in expr.matchers.matchers}
                problems.extend(f"{expr.name} has no {name}" for name in asked - known - SCRAPED)
                jobs = {matcher.value for matcher in expr.matchers.matchers if matcher.name == "job"}
                problems.extend(f"no job {job}" for job in jobs if not [one for one in JOBS if re.fullmatch(job, one)])
            case "AggregateExpr" if expr.modifier is not None:
                grouped.update(expr.modifier.labels)
            case "BinaryExpr" if expr.modifier is not None and expr.modifier.matching is not None:
                grouped.update(expr.modifier.matching.labels)

    promql_parser.walk(promql_parser.parse(query.expr), look)
    return [*problems, *(f"no label {name}" for name in (grouped | query.shown) - whole - SCRAPED)]


async def test_every_query_asks_for_metrics_and_labels_that_there_are(labels: Mapping[str, set[str]]) -> None:
    asked = list(queries())
    assert len(asked) > 60
    assert {f"{query.where}: {problem}" for query in asked for problem in check(query, labels)} == set()


@pytest.mark.parametrize(
    ("expr", "problem"),
    [
        ("sum(gleanery_task)", "no metric gleanery_task"),
        ('gleanery_tasks{state="queued"}', "gleanery_tasks has no state"),
        ("sum by (queue) (gleanery_tasks)", "no label queue"),
        ('up{job="gleanery"}', "no job gleanery"),
    ],
)
async def test_what_there_is_not_is_found(expr: str, problem: str, labels: Mapping[str, set[str]]) -> None:
    assert check(Query("", expr, frozenset()), labels) == [problem]


def test_the_dashboard_shows_every_metric() -> None:
    text = " ".join(target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ()))
    shown = {re.sub("_bucket$", "", name) for name in re.findall(r"gleanery_\w+", text)}
    # Their sum over types is shown.
    assert described().keys() - shown == set()


def test_panels_lie_beside_each_other() -> None:
    panels = dashboard()["panels"]
    places = [
        (x, y)
        for box in (panel["gridPos"] for panel in panels)
        for x in range(box["x"], box["x"] + box["w"])
        for y in range(box["y"], box["y"] + box["h"])
    ]
    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_prometheus_asks_the_services_that_there_are() -> None:
    made = yaml.safe_load((DEPLOY / "monitoring/prometheus.yaml").read_text())
    assert {one["job_name"] for one in made["scrape_configs"]} == JOBS
    asked = [name for one in made["scrape_configs"] for sd in one["dns_sd_configs"] for name in sd["names"]]
    ours = {name for name, service in compose()["services"].items() if name == "api" or name.startswith("worker-")}
    assert set(asked) == ours
    assert {one["job_name"]: one["dns_sd_configs"][0]["port"] for one in made["scrape_configs"]} == {
        "gleanery-api": 8181,
        "gleanery-worker": 8182,
    }
    key = made["scrape_configs"][0]["authorization"]["credentials_file"]
    assert key.removeprefix("/run/secrets/") in compose()["secrets"]


def test_each_kind_of_worker_is_scaled_by_its_own_tasks() -> None:
    deployments = {one["metadata"]["name"]: one for one in manifests("Deployment")}
    scaled = manifests("ScaledObject")
    assert {one["spec"]["scaleTargetRef"]["name"] for one in scaled} == {
        name for name in deployments if name.startswith("worker-")
    }
    for one in scaled:
        name = one["spec"]["scaleTargetRef"]["name"]
        (trigger,) = one["spec"]["triggers"]
        words = deployments[name]["spec"]["template"]["spec"]["containers"][0]["args"]
        kind = words[words.index("--task-types") + 1]
        assert trigger["metadata"]["query"] == f'max(gleanery_work_wanted{{work="{kind}"}})'
        assert trigger["metadata"]["threshold"] == words[words.index("--concurrency") + 1]


def test_nothing_heard_of_tasks_is_not_taken_for_no_tasks() -> None:
    """Without a fallback KEDA leaves as many workers as there are when it has an error in place of a number.
    https://keda.sh/docs/2.17/scalers/prometheus/, https://keda.sh/docs/2.17/reference/scaledobject-spec/#fallback"""
    for one in manifests("ScaledObject"):
        (trigger,) = one["spec"]["triggers"]
        assert trigger["metadata"]["ignoreNullValues"] == "false", one["metadata"]["name"]
        assert "fallback" not in one["spec"], one["metadata"]["name"]
