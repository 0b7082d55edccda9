"""Tasks of type `test`: so many steps of so many seconds, to see the engine at work. Also the pattern of a handler."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel, ConfigDict, Field

from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.errors import GleaneryError
from gleanery.model import EventType, NewEvent, Progress, StageCount


class TestPayload(BaseModel):
    """`fail_at` is the step that fails, every time; None: none does. With `lines` nothing is held back."""

    __test__ = False
    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(5, ge=1, le=100_000)
    seconds: float = Field(1.0, ge=0, le=86_400, description="How long a step takes.")
    fail_at: int | None = Field(None, ge=1, description="The step that fails.")
    lines: int | None = Field(
        None, ge=1, le=100, description="Lines that each step writes to the log; without it a few a second at most."
    )


class StepFailed(GleaneryError):
    """The failure that was asked for; trying again may help, as the engine sees it."""

    code = "step_failed"
    can_retry = True


class DemoHandler:
    """`Handler` for tasks of type `test`. Interrupted or paused, it goes on with the step that was not done."""

    spec = TaskSpec("test", TestPayload, Work.CPU, description="So many steps of so many seconds", can_pause=True)

    async def run(self, ctx: TaskContext, payload: TestPayload) -> Outcome:
        done = ctx.task.progress.stages.get("steps")
        for step in range(1 + (done.done if done else 0), payload.steps + 1):
            await asyncio.sleep(payload.seconds)
            if step == payload.fail_at:
                raise StepFailed(f"Step {step} of {payload.steps} failed, as it was asked to.", step=step)
            if payload.lines is None:
                await ctx.advance("steps", step, payload.steps, f"Step {step} of {payload.steps} is done")
            else:
                await ctx.report(*_told(step, payload.steps, payload.lines))
        return Outcome({"steps": payload.steps}, None, f"All {payload.steps} steps are done")


def _told(step: int, steps: int, lines: int) -> tuple[Progress, *tuple[NewEvent, ...]]:
    """Progress and lines of a step, as a crawl tells of a page: all in one transaction."""
    message = f"Step {step} of {steps} is done"
    data = {"stage": "steps", "done": step, "total": steps}
    events = [
        NewEvent(EventType.TASK_PROGRESSED, f"{message}, line {line} of {lines}", data) for line in range(1, lines + 1)
    ]
    return Progress(100.0 * step / steps, "steps", {"steps": StageCount(step, steps)}, message), *events
