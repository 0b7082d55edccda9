"""What is counted of reports on compliance, from the events of their tasks."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from gleanery.handlers.compliance.payload import ANALYSIS, EVIDENCE, REPORT
from gleanery.model import EventType
from gleanery.store.values import Change


class ComplianceMeters:
    """`hear` takes every change of a task."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._verdicts = Counter(
            "gleanery_compliance_verdicts", "Controls that were judged, by verdict.", ["verdict"], registry=registry
        )
        self._quotes = Counter(
            "gleanery_compliance_quotes",
            "Quotes of verdicts: those that stand in their page (kept), and those that do not (dropped).",
            ["state"],
            registry=registry,
        )
        self._tokens = Counter("gleanery_compliance_tokens", "Tokens that analyses were charged.", registry=registry)
        self._passages = Counter("gleanery_compliance_passages", "Passages taken as evidence.", registry=registry)
        self._files = Counter(
            "gleanery_compliance_files", "Files of reports that were written.", ["format"], registry=registry
        )

    def hear(self, change: Change) -> None:
        for event in change.events:
            if event.type == EventType.TASK_COMPLETED:
                self._count(change.task.task_type, event.data["result"])

    def _count(self, task_type: str, result: dict[str, object]) -> None:
        match task_type, result:
            case (str(name), {"passages": int(passages)}) if name == EVIDENCE:
                self._passages.inc(passages)
            case (str(name), {"verdicts": dict(verdicts), "quotes": int(kept), "quotes_dropped": int(dropped)}) if (
                name == ANALYSIS
            ):
                for verdict, count in verdicts.items():
                    self._verdicts.labels(verdict).inc(count)
                self._quotes.labels("kept").inc(kept)
                self._quotes.labels("dropped").inc(dropped)
                tokens = result.get("tokens")
                self._tokens.inc(tokens if isinstance(tokens, int) else 0)
            case (str(name), {"files": dict(files)}) if name == REPORT:
                for format_ in files:
                    self._files.labels(format_).inc()
