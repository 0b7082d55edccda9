"""A worker in this loop: which parts run in it, and that it leaves the server its lock."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gleanery import app
from gleanery.errors import InvalidInput
from tests.conftest import settings


def jobs() -> set[str]:
    return {job.get_name() for job in asyncio.all_tasks()}


async def test_only_a_worker_of_all_types_keeps_schedules(tmp_path: Path) -> None:
    async with app.working(settings(tmp_path), "part", ["test"]) as worker:
        assert tuple(worker.task_types) == ("test",)
        assert {"webhooks", "tail", "worker"} <= jobs()
        assert "scheduler" not in jobs()
    async with app.working(settings(tmp_path), "whole", []) as worker:
        assert len(worker.task_types) == 17
        assert "scheduler" in jobs()
    assert not {"webhooks", "tail", "worker", "scheduler"} & jobs()


async def test_kinds_of_work_stand_for_their_types(tmp_path: Path) -> None:
    async with app.working(settings(tmp_path), "some", ["browser", "test"]) as worker:
        assert set(worker.task_types) == {"parse_page", "generate_report", "test"}
    async with app.working(settings(tmp_path), "others", ["crawl", "cpu", "agents"]) as worker:
        assert {"crawl", "upload", "enrich_source", "analyze_story"} <= set(worker.task_types)
        assert not {"parse_page", "generate_report"} & set(worker.task_types)


async def test_it_may_be_there_before_the_server_and_beside_it(tmp_path: Path) -> None:
    async with (
        app.working(settings(tmp_path), "one", []),
        app.running(settings(tmp_path)),
        app.working(settings(tmp_path), "two", []),
    ):
        with pytest.raises(InvalidInput, match="another gleanery server"):
            async with app.running(settings(tmp_path)):
                pass


async def test_an_unknown_type_and_a_folder_that_cannot_be_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="--task-types: there is no 'nix'"):
        async with app.working(settings(tmp_path), None, ["test", "nix"]):
            pass
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match=r"GLEANERY_DATA_DIR: .*can't be used"):
        async with app.working(settings(tmp_path / "file"), None, []):
            pass
