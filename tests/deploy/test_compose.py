"""The Compose file: by the specification's schema, and by what it names."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from gleanery import config
from tests.deploy.manifests import (
    OPERATORS,
    OWN_CONNECTIONS,
    compose,
    compose_over_supabase,
    max_connections,
    rest_connections,
)
from tests.deploy.own_postgres import DEPLOY, new_keys
from tests.documents import ROOT

NEED_ROOT = {"postgres"}
"""Whose own start changes owners before it gives root away."""
UNHARDENED = NEED_ROOT | {"migrate"}
USER = 10001
"""As whom our images run."""
SETTINGS_IN_ENV = {
    "GLEANERY_ALLOW_ADDRESSES",
    "GLEANERY_CHAT_MODEL",
    "GLEANERY_EMBEDDER",
    "GLEANERY_GRACE_SECONDS",
    "OPENAI_API_KEY",
    "OPENAI_BASE_URL",
}
"""What `deploy/.env` may say: `deploy/.env.settings` comes after it, and is not asked."""
REPLICAS = {f"WORKER_{kind.upper()}_REPLICAS": f"worker-{kind}" for kind in ("crawl", "browser", "cpu", "agents")}
SUPABASE = {"SUPABASE_URL", "SUPABASE_SERVICE_KEY", "GLEANERY_DATABASE_URL"}
"""What is a project's, in place of the keys that are made."""


@pytest.mark.parametrize("model", [compose, compose_over_supabase])
def test_it_is_a_compose_file(model: Callable[[], dict[str, Any]]) -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    problems = jsonschema.Draft202012Validator(schema).iter_errors(model())
    assert [(list(problem.path), problem.message) for problem in problems] == []


def test_a_schema_error_is_found() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    broken = {"services": {"api": {"image": "x", "port": ["80:80"]}}}
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(broken))


def test_every_key_that_it_needs_is_made_and_the_rest_are_settings() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    needed = set(re.findall(r"\$\{(\w+):\?", text))
    made = new_keys().keys()
    assert needed <= made
    optional = set(re.findall(r"\$\{(\w+):-", text))
    assert optional == SETTINGS_IN_ENV | REPLICAS.keys()
    assert {config.env_name(name) for name in config.Settings.model_fields} >= SETTINGS_IN_ENV
    assert needed | optional == set(re.findall(r"\$\{(\w+)", text))
    assert compose()["secrets"]["metrics_key"]["environment"] in made


def test_the_files_that_it_mounts_are_there() -> None:
    mounted = re.findall(r"[\"\s](\./[\w./-]+):", (DEPLOY / "compose.yaml").read_text())
    assert len(mounted) >= 6
    assert [path for path in mounted if not (DEPLOY / path).is_file()] == []


def test_services_are_hardened_as_far_as_they_can_be() -> None:
    for name, service in compose()["services"].items():
        if name not in NEED_ROOT:
            # Compose writes secrets that come from the environment into the container, and refuses one that is only read.
            assert (service["read_only"], service["cap_drop"]) == (not service.get("secrets"), ["ALL"]), name
        if name not in UNHARDENED:
            assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged")


def test_a_data_folder_in_memory_belongs_to_who_writes_it() -> None:
    folders = [folder for service in compose()["services"].values() for folder in service.get("tmpfs", ())]
    data = [folder for folder in folders if folder.startswith("/data")]
    assert set(data) == {f"/data:uid={USER},gid={USER}"}
    assert f"USER {USER}\n" in (DEPLOY.parent / "Dockerfile").read_text()


def test_further_settings_reach_every_process_of_ours() -> None:
    ours = {name for name, one in compose()["services"].items() if one["image"].startswith("gleanery")} - {"migrate"}
    with_file = {name for name, one in compose()["services"].items() if "env_file" in one}
    assert with_file == ours


def test_nothing_is_open_beyond_this_machine() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert "127.0.0.1:8181:8181" in ports
    assert compose()["networks"]["data"]["internal"] is True


def test_everything_waits_for_the_migration() -> None:
    services = compose()["services"]
    for name in ("api", "worker-crawl", "worker-browser", "worker-cpu", "worker-agents", "rest"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_several_workers_of_each_kind_have_their_connections() -> None:
    services = compose()["services"]
    workers = sum(name.startswith("worker-") for name in services)
    taken = (1 + 10 * workers) * OWN_CONNECTIONS + rest_connections(services["rest"]["environment"]["PGRST_DB_POOL"])
    assert taken + OPERATORS <= max_connections(services["postgres"]["command"])


def test_the_next_up_keeps_as_many_workers_as_were_wanted() -> None:
    """`--scale` holds for one `up`: the number has to stand in `deploy/.env`."""
    assert {
        service["deploy"]["replicas"]: name for name, service in compose()["services"].items() if "deploy" in service
    } == {f"${{{variable}:-1}}": name for variable, name in REPLICAS.items()}


def test_the_runbook_names_what_its_env_file_may_say() -> None:
    text = (DEPLOY / "README.md").read_text()
    assert [name for name in SETTINGS_IN_ENV | REPLICAS.keys() if name not in text] == []


def test_over_a_project_at_supabase_nothing_of_our_own_postgres_is_needed() -> None:
    own = {"postgres", "rest", "gateway"}
    services = compose_over_supabase()["services"]
    assert {name for name, one in services.items() if one.get("profiles") == ["own-postgres"]} == own
    needed = {name: set(one.get("depends_on", ())) for name, one in services.items() if name not in own}
    assert [name for name, others in needed.items() if others & own] == []
    ours = {name for name, one in services.items() if one["image"].startswith("gleanery-")}
    for name in ours:
        assert "default" in services[name]["networks"], "the other network has no way out"
    assert {name: needed[name] for name in ours} == {name: {"migrate"} - {name} for name in ours}
    assert {services[name]["environment"]["SUPABASE_URL"].partition(":?")[0] for name in ours - {"migrate"}} == {
        "${SUPABASE_URL"
    }
    named = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.supabase.yaml").read_text()))
    assert named == {"SUPABASE_URL"}
    assert [name for name in SUPABASE if name not in (DEPLOY / "README.md").read_text()] == []


def test_the_short_form_gives_compose_nothing_that_its_files_name_from_this_shell(tmp_path: Path) -> None:
    (form,) = re.findall(r"^compose\(\) .*$", (DEPLOY / "README.md").read_text(), re.MULTILINE)
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$@"\nenv\n')
    docker.chmod(0o700)
    texts = [(DEPLOY / name).read_text() for name in ("compose.yaml", "compose.supabase.yaml")]
    named = {name for text in texts for name in re.findall(r"\$\{(\w+)", text)} | {"METRICS_KEY"}
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DOCKER_HOST": "unix:///x", **dict.fromkeys(named, "of the shell")}
    words = ["bash", "-c", f"{form}\ncompose up --detach"]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    asked, *given = done.stdout.splitlines()
    assert asked == "compose -f deploy/compose.yaml up --detach"
    assert {line.partition("=")[0] for line in given} & {*named, "DOCKER_HOST"} == {"DOCKER_HOST"}
