"""The files of `deploy/` as the tests look at them: a process is a container, whoever runs it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from gleanery.store.supabase.doorbells import CONNECTIONS
from tests.deploy.own_postgres import DEPLOY
from tests.documents import ROOT

OWN_CONNECTIONS = 1 + CONNECTIONS
"""Of each process of ours to PostgreSQL: for notices, and for doorbells."""
OPERATORS = 3 + 5
"""Connections that PostgreSQL keeps for superusers, and room for migrate, pg_dump, psql, a backup."""
STAGE = re.compile(r"gleanery-(api|worker|browser-worker)")
VERSIONED = re.compile(r"[\w./-]+:v?\d+(\.\d+)+[\w.-]*")
"""An image with its version: `name:1.2`, with or without what it is made on."""


@dataclass(frozen=True)
class Container:
    """One process of a server or a worker. `env` has the literal values, `secrets` the names whose values are kept elsewhere."""

    where: str
    image: str
    command: Sequence[str]
    env: Mapping[str, str]
    secrets: frozenset[str]
    stop_seconds: float
    """From being told to end until being killed."""
    pre_stop_seconds: float = 0

    @property
    def stage(self) -> str | None:
        """The Dockerfile's target, if it is one of ours."""
        found = STAGE.fullmatch(self.image.partition(":")[0])
        return found[1] if found else None


@functools.cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


@dataclass(frozen=True)
class _Instead:
    """A value with `!override`, which takes the place of what the first file has; None with `!reset`: it goes."""

    value: Any


class _OverridingLoader(yaml.SafeLoader):  # type: ignore[misc]  # it is untyped
    """Knows Compose's own tags. https://docs.docker.com/reference/compose-file/merge/"""


_OverridingLoader.add_constructor("!reset", lambda loader, node: _Instead(None))
_OverridingLoader.add_constructor("!override", lambda loader, node: _Instead(loader.construct_mapping(node, deep=True)))


@functools.cache
def compose_over_supabase() -> dict[str, Any]:
    """As Compose takes the two files together, for what they hold: mappings are merged, lists grow."""
    loaded = yaml.load((DEPLOY / "compose.supabase.yaml").read_text(), _OverridingLoader)
    merged: dict[str, Any] = _merged(compose(), loaded)
    return merged


def _merged(first: Any, second: Any) -> Any:
    match first, second:
        case _, _Instead():
            return second.value
        case dict(), dict():
            both = {
                **second,
                **{key: _merged(value, second[key]) if key in second else value for key, value in first.items()},
            }
            return {key: value for key, value in both.items() if value is not None}
        case list(), list():
            return [*first, *second]
    return second


def compose_containers() -> list[Container]:
    return [
        Container(
            f"compose {name}",
            service["image"],
            service.get("command", ()),
            dict(_given(service.get("environment", {}))),
            frozenset(key for key, value in service.get("environment", {}).items() if "${" in value),
            _seconds(service.get("stop_grace_period", "10s")),
        )
        for name, service in compose()["services"].items()
    ]


def _given(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What stands there, and what is taken where `deploy/.env` says nothing."""
    for name, value in environment.items():
        if "${" not in value:
            yield name, value
        elif (default := re.fullmatch(r"\$\{\w+:-(.+)\}", value)) is not None:
            yield name, default[1]


def _seconds(text: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([sm])", text).groups()  # type: ignore[union-attr]  # another form is an error
    return float(number) * {"s": 1, "m": 60}[unit]


@functools.cache
def kustomization() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())
    return loaded


def manifest_files() -> list[Path]:
    return sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def manifests(*kinds: str) -> list[dict[str, Any]]:
    """Of these kinds; without any, all."""
    return [one for one in _manifests() if not kinds or one["kind"] in kinds]


@functools.cache
def _manifests() -> list[dict[str, Any]]:
    return [one for file in manifest_files() for one in yaml.safe_load_all(file.read_text())]


def workloads() -> list[dict[str, Any]]:
    return manifests("Deployment", "StatefulSet", "Job")


def pod_of(workload: Mapping[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = workload["spec"]["template"]["spec"]
    return pod


def pod_containers() -> list[Container]:
    return [
        _container(workload["metadata"]["name"], pod_of(workload), container)
        for workload in workloads()
        for container in pod_of(workload)["containers"]
    ]


def _container(name: str, pod: Mapping[str, Any], container: Mapping[str, Any]) -> Container:
    env = dict(_literals(container))
    return Container(
        f"kubernetes {name}",
        container["image"],
        container.get("args", ()),
        env,
        frozenset(one["name"] for one in container.get("env", ()) if "valueFrom" in one),
        pod.get("terminationGracePeriodSeconds", 30),
        container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0),
    )


def _literals(container: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    maps = {one["metadata"]["name"]: one["data"] for one in manifests("ConfigMap")}
    for source in container.get("envFrom", ()):
        yield from maps[source["configMapRef"]["name"]].items()
    for one in container.get("env", ()):
        if "value" in one:
            yield one["name"], one["value"]


def max_connections(words: Sequence[str]) -> int:
    """What PostgreSQL is started with."""
    (found,) = re.findall(r"-c max_connections=(\d+)", " ".join(words))
    return int(found)


def rest_connections(pool: str) -> int:
    """Of one PostgREST: its pool, and one on which it hears of a new schema."""
    return int(pool) + 1


@dataclass(frozen=True)
class Stage:
    """A stage of the Dockerfile with what it says, in order: instruction and text."""

    base: str
    name: str
    says: Sequence[tuple[str, str]]

    def all(self, instruction: str) -> list[str]:
        return [text for word, text in self.says if word == instruction]


def stages() -> dict[str, Stage]:
    found: dict[str, Stage] = {}
    says: list[tuple[str, str]] = []
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        word, _, rest = line.partition(" ")
        if word == "FROM":
            base, name = rest.split(" AS ")
            says = []
            found[name] = Stage(base, name, says)
        else:
            says.append((word, rest.strip()))
    return found


def env_of(stage: str) -> dict[str, str]:
    """What an image sets, with what it is built on."""
    every = stages()
    own = {} if stage not in every else dict(re.findall(r"(\w+)=(\S+)", " ".join(every[stage].all("ENV"))))
    return {**env_of(every[stage].base), **own} if stage in every else own
