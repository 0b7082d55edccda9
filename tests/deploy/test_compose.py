"""The Compose file: by the specification's schema, and by what it names."""

from __future__ import annotations

import json
import re
from importlib.resources import files

import jsonschema  # type: ignore[import-untyped]

from gleanery import config
from tests.deploy.manifests import OPERATORS, OWN_CONNECTIONS, compose, max_connections, rest_connections
from tests.deploy.own_postgres import DEPLOY, new_keys

NEED_ROOT = {"postgres"}
"""Whose own start changes owners before it gives root away."""
UNHARDENED = NEED_ROOT | {"migrate"}
USER = 10001
"""As whom our images run."""


def test_it_is_a_compose_file() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    problems = jsonschema.Draft202012Validator(schema).iter_errors(compose())
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
    assert optional <= {config.env_name(name) for name in config.Settings.model_fields}
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
