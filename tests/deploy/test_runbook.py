"""The runbook: every alert has its part, and what it says to type and to look at is there."""

from __future__ import annotations

import re
import shlex

import pytest

from gleanery import config
from gleanery.cli.arguments import build_parser
from tests.api.client import Client
from tests.deploy.manifests import compose, manifests
from tests.deploy.own_postgres import DEPLOY, new_keys
from tests.deploy.test_monitoring import described, rules
from tests.documents import ROOT

TEXT = (DEPLOY / "README.md").read_text()


def commands() -> list[str]:
    """The lines of its blocks for a shell, without what is said beside them."""
    blocks = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    return [
        line.strip()
        for block in blocks
        for line in re.sub(r"\s+# .*$", "", block, flags=re.MULTILINE).splitlines()
        if line
    ]


def words_after(program: str) -> list[list[str]]:
    """Also where it runs in a container: behind the name of a service."""
    before = {*compose()["services"], ""}
    split = [["", *shlex.split(line)] for line in commands()]
    runs = [words for words in split if program in words and words[words.index(program) - 1] in before]
    return [words[words.index(program) + 1 :] for words in runs]


def test_every_alert_has_its_part_and_leads_to_it() -> None:
    alerts = [rule["alert"] for rule in rules()]
    assert re.findall(r"^### (Gleanery\w+)$", TEXT, re.MULTILINE) == alerts
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"README.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_alerts_that_are_named_are_there() -> None:
    assert set(re.findall(r"\bGleanery[A-Z]\w+", TEXT)) == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("words", words_after("gleanery"), ids=" ".join)
def test_a_command_of_ours_is_one_and_has_those_flags(words: list[str]) -> None:
    build_parser().parse_args(words)


def test_compose_is_asked_about_services_that_there_are() -> None:
    services = compose()["services"].keys()
    asked = words_after("compose")
    assert len(asked) > 10
    for words in asked:
        named = [word for word in words if word in services or re.fullmatch(r"(worker|post|re|ga|ap)[a-z-]*", word)]
        if words[0] in ("exec", "stop", "ps"):
            assert named, words
        assert not set(named) - services - {"postgres"}, words
        scaled = [words[n + 1].split("=")[0] for n, word in enumerate(words) if word == "--scale"]
        assert set(scaled) <= services


def test_kubectl_is_asked_about_objects_that_there_are() -> None:
    kinds = {"deployment": "Deployment", "statefulset": "StatefulSet", "job": "Job", "service": "Service"}
    named = re.findall(r"\b(deployment|statefulset|job|service)/([\w-]+)", TEXT)
    assert len(named) > 5
    for kind, name in named:
        assert name in {one["metadata"]["name"] for one in manifests(kinds[kind])}, (kind, name)
    labels = [one["spec"]["template"]["metadata"]["labels"].items() for one in manifests("Deployment", "StatefulSet")]
    for selector in re.findall(r"--selector (\S+?)`?(?=[\s.])", TEXT):
        assert [one for one in labels if tuple(selector.split("=")) in one], selector


def test_the_job_that_migrates_runs_whenever_the_manifests_are_applied() -> None:
    """One that is done doesn't run again, and can't be changed to another image."""
    blocks = [block for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) if "apply --kustomize deploy" in block]
    assert len(blocks) == 3
    for block in blocks:
        before = block.partition("kubectl apply --kustomize deploy")[0]
        assert "k delete job migrate --ignore-not-found" in before or "kubectl create namespace gleanery" in before


def test_what_a_restore_stops_is_started_again() -> None:
    (block,) = (block for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) if "scale deployment --all" in block)
    started = re.findall(r"^k scale (deployment/.*) --replicas=1\b", block, re.MULTILINE)
    assert [
        f"deployment/{one['metadata']['name']}" for one in manifests("Deployment") if "replicas" not in one["spec"]
    ] == (started[0].split() if started else [])


def test_settings_keys_metrics_and_files_that_are_named_are_there() -> None:
    settings = {config.env_name(name) for name in config.Settings.model_fields} | new_keys().keys()
    assert set(re.findall(r"\b(?:GLEANERY|SUPABASE|OPENAI)_[A-Z_]+\b", TEXT)) <= settings
    assert set(re.findall(r"\bgleanery_[a-z_]+\b", TEXT)) <= described().keys()
    files = set(re.findall(r"\bdeploy/[\w./-]+\w", TEXT)) - {"deploy/.env", "deploy/.env.settings"}
    assert [path for path in sorted(files) if not (ROOT / path).exists()] == []


def test_statuses_of_error_codes_are_the_servers() -> None:
    errors = (ROOT / "server/gleanery/example/errors.html").read_text()
    told = re.findall(r"\b(\d{3}) `(\w+)`", TEXT)
    assert told
    assert [(status, code) for status, code in told if f"<code>{code}</code></td><td>{status}</td>" not in errors] == []


async def test_routes_that_are_named_are_there(client: Client) -> None:
    routes = (await client.call("GET", "/openapi.json")).body["paths"]
    named = re.findall(r"`(GET|POST) (/[\w/{}-]+)", TEXT)
    assert len(named) > 3
    assert [(method, path) for method, path in named if method.lower() not in routes.get(path, {})] == []
