"""The SDK's traces become records of ours, with the task that they belong to. Nothing is sent: the SDK's own exporter, which
would tell OpenAI of every call, is never made."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from agents.tracing import (
    FunctionSpanData,
    GenerationSpanData,
    HandoffSpanData,
    Span,
    Trace,
    TracingProcessor,
    set_trace_provider,
)
from agents.tracing.provider import DefaultTraceProvider

from gleanery.agents.stories.context import Note
from gleanery.agents.stories.material import one_line
from gleanery.model.stories import AgentStep, Stage, StepKind

RECORDER = "recorder"
"""Under this name a trace's metadata has who records it."""
DETAIL_CHARACTERS = 300


@dataclass
class Recorder:
    """The records of one attempt of a stage, in the order in which its spans end. That order is the same in each attempt, as
    tools run one after the other: so the numbers are, and the record of a replayed call is the one that is kept already."""

    task_id: str
    stage: Stage
    agent: str
    note: Note
    waiting: list[AgentStep] = field(default_factory=list)
    count: int = 0

    def __deepcopy__(self, _: dict[int, Any]) -> Recorder:
        """The SDK copies a trace's metadata with all that hangs on it; there is one recorder all the same."""
        return self

    async def flush(self) -> None:
        """Keep what has ended."""
        while self.waiting:
            await self.note(self.waiting.pop(0))

    def heard(self, span: Span[Any]) -> None:
        step = self._step(span)
        if step is not None:
            self.waiting.append(step)

    def _step(self, span: Span[Any]) -> AgentStep | None:
        """None for spans that only hold others together, and for what was broken off: another attempt does it."""
        match span.span_data:
            case GenerationSpanData(model_config=dict() as told):
                return AgentStep.model_validate(
                    {**self._begun(span, StepKind.MODEL), "model": span.span_data.model, **told}
                )
            case FunctionSpanData(name=name, input=asked, output=output) if output is not None:
                said = str(output).partition("\n")[0]
                detail = one_line(f"{asked or ''} → {said}", DETAIL_CHARACTERS)
                is_refused = said.startswith(("Refused:", "Failed:"))
                facts = {"tool": one_line(name, 100), "detail": detail, "error": said[:200] if is_refused else None}
                return AgentStep.model_validate({**self._begun(span, StepKind.TOOL), **facts})
            case HandoffSpanData(from_agent=giver, to_agent=taker):
                facts = {"detail": f"{giver} → {taker}"}
                return AgentStep.model_validate({**self._begun(span, StepKind.HANDOFF), **facts})
            case _:
                return None

    def _begun(self, span: Span[Any], kind: StepKind) -> dict[str, Any]:
        self.count += 1
        began, ended = _at(span.started_at), _at(span.ended_at)
        return {
            "task_id": self.task_id,
            "stage": self.stage,
            "ordinal": self.count,
            "kind": kind,
            "agent": self.agent,
            "seconds": max(0.0, (ended - began).total_seconds()),
            "at": began,
        }


class _Recording(TracingProcessor):
    """Hands each span to the recorder of its trace."""

    def on_span_end(self, span: Span[Any]) -> None:
        recorder = (span.trace_metadata or {}).get(RECORDER)
        if isinstance(recorder, Recorder):
            recorder.heard(span)

    def on_trace_start(self, trace: Trace) -> None: ...

    def on_trace_end(self, trace: Trace) -> None: ...

    def on_span_start(self, span: Span[Any]) -> None: ...

    def shutdown(self) -> None: ...

    def force_flush(self) -> None: ...


def record_only() -> None:
    """From now on the SDK's traces go to their recorders and nowhere else, whatever the environment says of tracing. Nor does
    it log what fails: the task's row and log tell that."""
    provider = DefaultTraceProvider()
    provider.set_processors([_Recording()])
    provider.set_disabled(False)
    set_trace_provider(provider)
    logging.getLogger("openai.agents").setLevel(logging.CRITICAL)


def _at(stamp: str | None) -> datetime:
    return datetime.now(UTC) if stamp is None else datetime.fromisoformat(stamp).astimezone(UTC)
