"""The tasks of a report keep to their order, whoever starts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gleanery import errors
from gleanery.engine.handler import Handler, TaskContext
from gleanery.handlers.compliance.analysis import AnalyzeComplianceHandler
from gleanery.handlers.compliance.payload import ReportPayload
from gleanery.handlers.compliance.report import GenerateReportHandler
from gleanery.store.embedded import EmbeddedStore
from tests.store.test_compliance import HOUSE, running, started


async def no_pdf(_: str) -> bytes:
    raise AssertionError("nothing is printed")


@pytest.mark.parametrize("name", ["analysis", "report"])
async def test_a_task_that_comes_too_early_writes_nothing(tmp_path: Path, name: str) -> None:
    async with EmbeddedStore(tmp_path / "gleanery.db", lambda _: None) as store:
        await store.compliance.add_framework(HOUSE)
        task = await running(store, await started(store))
        handlers: dict[str, Handler] = {
            "analysis": AnalyzeComplianceHandler(store.compliance, store.knowledge, None),
            "report": GenerateReportHandler(store.compliance, store.knowledge, no_pdf),
        }
        with pytest.raises(errors.WrongState, match="3 controls have no"):
            await handlers[name].run(TaskContext(task, store.tasks), ReportPayload(report_id="cmp_1"))
        assert await store.compliance.unjudged("cmp_1") == [0, 1, 2]
        assert await store.compliance.formats("cmp_1") == []
