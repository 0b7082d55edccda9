"""What reports on compliance are made with: the store, a search of their own, the chat model and the browser that prints."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.app.ground import Ground
from gleanery.app.parsing import Parsing
from gleanery.engine.handler import Handler
from gleanery.handlers.compliance.analysis import AnalyzeComplianceHandler
from gleanery.handlers.compliance.evidence import FetchEvidenceHandler
from gleanery.handlers.compliance.report import GenerateReportHandler
from gleanery.knowledge.compliance.framework import bundled
from gleanery.knowledge.search import Searcher
from gleanery.store.compliance import ComplianceStore


def compliance_handlers(ground: Ground, parsing: Parsing) -> Sequence[Handler]:
    store = ground.store
    search = Searcher(store.search, ground.vectors, ground.executor)
    return (
        FetchEvidenceHandler(store.compliance, store.knowledge, search),
        AnalyzeComplianceHandler(store.compliance, store.knowledge, ground.chat),
        GenerateReportHandler(store.compliance, store.knowledge, parsing.browser.print_pdf),
    )


async def keep_bundled(store: ComplianceStore) -> None:
    """The frameworks that come with gleanery are there like those that were imported."""
    for framework in bundled():
        await store.add_framework(framework, is_bundled=True)
