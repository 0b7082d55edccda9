"""The Kubernetes manifests: by the schemas of Kubernetes, and by what they name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import kubernetes_validate
import pytest
import yaml  # type: ignore[import-untyped]

from tests.api.client import Client
from tests.conftest import StartServer
from tests.deploy.manifests import (
    OPERATORS,
    OWN_CONNECTIONS,
    env_of,
    kustomization,
    manifest_files,
    manifests,
    max_connections,
    pod_containers,
    pod_of,
    rest_connections,
    workloads,
)
from tests.deploy.own_postgres import DEPLOY, new_keys

VERSION = "1.34"
"""The oldest Kubernetes that these are for: `preStop.sleep` needs no feature gate there."""
OTHERS = ("ScaledObject", "PodMonitor")
"""Kinds of KEDA and of the Prometheus operator: no schema of Kubernetes has them."""
OPTIONAL = {"OPENAI_API_KEY"}


def of_name(workload: Mapping[str, Any]) -> str:
    return str(workload["metadata"]["name"])


def ours() -> list[dict[str, Any]]:
    return [one for one in workloads() if pod_of(one)["containers"][0]["image"].startswith("gleanery-")]


def served() -> list[dict[str, Any]]:
    return [one for one in ours() if one["kind"] == "Deployment"]


@pytest.mark.parametrize("file", manifest_files(), ids=lambda file: file.name)
def test_it_is_what_kubernetes_takes(file: Any) -> None:
    for one in yaml.safe_load_all(file.read_text()):
        if one["kind"] not in OTHERS:
            kubernetes_validate.validate(one, VERSION, strict=True)


def test_a_wrong_field_is_found() -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"container": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(pod, VERSION, strict=True)


def test_the_kustomization_has_every_file_but_those_for_operators() -> None:
    made = kustomization()
    named = {DEPLOY / path for path in made["resources"]}
    assert set(manifest_files()) - named == {
        DEPLOY / "kubernetes" / name for name in ("autoscaling.yaml", "monitoring.yaml")
    }
    for one in made["configMapGenerator"]:
        assert all((DEPLOY / path).is_file() for path in one["files"])


def test_no_secret_stands_in_clear_text() -> None:
    assert manifests("Secret") == []
    kept = new_keys().keys()
    for container in pod_containers():
        assert not container.env.keys() & (kept | OPTIONAL), container.where


def _key_references() -> Iterator[tuple[str, bool]]:
    for workload in workloads():
        for container in pod_of(workload)["containers"]:
            for one in container.get("env", ()):
                if (taken := one.get("valueFrom", {}).get("secretKeyRef")) is not None:
                    assert taken["name"] == "gleanery"
                    yield taken["key"], taken.get("optional", False)


def test_every_key_that_is_taken_from_the_secret_is_made() -> None:
    made = new_keys().keys()
    assert {key for key, is_optional in _key_references() if not is_optional} <= made
    assert {key for key, is_optional in _key_references() if is_optional} == OPTIONAL
    monitored = [
        point["authorization"]["credentials"]
        for one in manifests("PodMonitor")
        for point in one["spec"]["podMetricsEndpoints"]
    ]
    assert monitored == [{"name": "gleanery", "key": "METRICS_KEY"}] * 2


@pytest.mark.parametrize("workload", workloads(), ids=of_name)
def test_a_pod_is_not_root_and_has_bounds(workload: Mapping[str, Any]) -> None:
    pod = pod_of(workload)
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    volumes = {one["name"] for one in pod.get("volumes", ())} | {
        one["metadata"]["name"] for one in workload["spec"].get("volumeClaimTemplates", ())
    }
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
        assert {one["name"] for one in container.get("volumeMounts", ())} <= volumes


@pytest.mark.parametrize("workload", served(), ids=of_name)
async def test_probes_ask_a_real_route_without_a_key(workload: Mapping[str, Any], start_server: StartServer) -> None:
    (container,) = pod_of(workload)["containers"]
    client = await start_server(api_keys="hidden")
    env = env_of(container["image"].removeprefix("gleanery-"))
    listens = env.get("GLEANERY_WORKER_PORT") or env["GLEANERY_PORT"]
    probes = [container[name]["httpGet"] for name in ("startupProbe", "livenessProbe")]
    for probe in [*probes, *([container["readinessProbe"]["httpGet"]] if "readinessProbe" in container else [])]:
        assert {one["name"]: one["containerPort"] for one in container["ports"]}[probe["port"]] == int(listens)
        assert (await client.call("GET", probe["path"])).status == 200
    assert container["livenessProbe"]["timeoutSeconds"] > 5, (
        "it may take three seconds to see that the database is away"
    )


@pytest.mark.parametrize("workload", [one for one in workloads() if one["kind"] == "Deployment"], ids=of_name)
def test_a_deployment_has_a_disruption_budget_for_its_pods(workload: Mapping[str, Any]) -> None:
    labels = workload["spec"]["template"]["metadata"]["labels"]
    budgets = [one["spec"]["selector"]["matchLabels"] for one in manifests("PodDisruptionBudget")]
    assert [one for one in budgets if one.items() <= labels.items()]
    assert workload["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_services_and_policies_choose_pods_that_there_are() -> None:
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in workloads()]
    apps = {one["app"] for one in labels}
    for service in manifests("Service"):
        chosen = [
            one
            for one in workloads()
            if service["spec"]["selector"].items() <= one["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert len(chosen) == 1, service["metadata"]["name"]
        ports = {
            port["name"]: port["containerPort"]
            for container in pod_of(chosen[0])["containers"]
            for port in container["ports"]
        }
        for port in service["spec"]["ports"]:
            assert port.get("targetPort", port["name"]) in ports
    named = [name for policy in manifests("NetworkPolicy", "PodMonitor") for name in _apps_in(policy)]
    assert set(named) <= apps
    assert {"postgres", "rest", "api", "worker-crawl"} <= set(named)


def _apps_in(node: Any) -> Iterator[str]:
    """Every pod's name in a policy, wherever it stands."""
    match node:
        case {"key": "app", "values": [*values]}:
            yield from values
        case dict():
            for key, value in node.items():
                yield from [value] if key == "app" and isinstance(value, str) else _apps_in(value)
        case list():
            for one in node:
                yield from _apps_in(one)


async def test_every_task_type_has_a_worker_with_what_it_needs(client: Client) -> None:
    work = {one["task_type"]: one["work"] for one in (await client.one("/task-types"))["items"]}
    taken: set[str] = set()
    for container in pod_containers():
        if container.command[1:2] == ["worker"]:
            kind = container.command[container.command.index("--task-types") + 1]
            types = {name for name, needs in work.items() if needs == kind}
            assert types, kind
            assert (container.stage == "browser-worker") == (kind in ("crawl", "browser"))
            taken |= types
    assert taken == work.keys()


def test_as_many_processes_as_there_may_be_have_their_connections() -> None:
    """With one pod more of each deployment, and a quarter more workers, as while they are replaced."""
    most = {one["spec"]["scaleTargetRef"]["name"]: one["spec"]["maxReplicaCount"] for one in manifests("ScaledObject")}
    pods = {of_name(one): most.get(of_name(one)) or one["spec"]["replicas"] for one in served()}
    taken = sum((count + max(1, math.ceil(count / 4))) * OWN_CONNECTIONS for count in pods.values())
    (rest,) = (one for one in workloads() if of_name(one) == "rest")
    taken += (rest["spec"]["replicas"] + 1) * rest_connections(_literal(rest, "PGRST_DB_POOL"))
    (postgres,) = (one for one in workloads() if of_name(one) == "postgres")
    assert pods.keys() == {"api", *most}
    assert taken + OPERATORS <= max_connections(pod_of(postgres)["containers"][0]["args"])


def test_to_apply_the_manifests_again_leaves_as_many_workers_as_there_are() -> None:
    named = [of_name(one) for one in served() if "replicas" not in one["spec"]]
    assert named == [one["spec"]["scaleTargetRef"]["name"] for one in manifests("ScaledObject")]


def _literal(workload: Mapping[str, Any], name: str) -> str:
    (value,) = (
        one["value"] for one in pod_of(workload)["containers"][0]["env"] if one["name"] == name and "value" in one
    )
    return str(value)
