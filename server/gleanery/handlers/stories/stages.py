"""Tasks of the types `triage_story`, `analyze_story` and `enhance_story`: a stage each, by agents or by rules."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

from gleanery import errors
from gleanery.agents.stories.context import StageContext, spent_outside
from gleanery.agents.stories.runtime import Runtime
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec
from gleanery.handlers.stories.hands import Reach, StoryHands
from gleanery.handlers.stories.payload import SPECS, STAGES, STAGES_OF, StoryPayload, check_of, write_back_task
from gleanery.handlers.stories.proposal import is_ours, proposal_of
from gleanery.model.stories import AgentStep, Analysis, Enhancement, Stage, StepKind, Story, StoryState, Triage
from gleanery.store.stories import Proposed, StageValue, StoryResults, StoryRun, StoryStore

OVER = frozenset(
    {
        StoryState.WRITTEN,
        StoryState.DRY_RUN,
        StoryState.CONFLICT,
        StoryState.REJECTED,
        StoryState.SUPERSEDED,
    }
)
"""States after which no task has anything to do; a failed or cancelled task may be tried again."""


@dataclass(frozen=True)
class StageFunctions:
    """What does the work of each stage."""

    triage: Callable[[StageContext, Story], Awaitable[Triage]]
    analyze: Callable[[StageContext, Story, Triage], Awaitable[Analysis]]
    enhance: Callable[[StageContext, Story, Triage, Analysis], Awaitable[Enhancement]]


async def token_of(store: StoryStore, run: StoryRun) -> str:
    """Raises ShortcutTokenMissing, and NotFound for a workspace that is gone."""
    _, secrets = await store.secrets(run.workspace)
    if secrets.api_token is None:
        raise errors.ShortcutTokenMissing(
            f"The workspace {run.workspace} has no API token: set one, then try again.", workspace=run.workspace
        )
    return secrets.api_token


class StageHandler:
    """`Handler` for the tasks of one stage. What it makes is kept before the task ends: another attempt finds it."""

    def __init__(
        self, stage: Stage, store: StoryStore, reach: Reach, functions: StageFunctions, runtime: Runtime | None
    ) -> None:
        self.spec: TaskSpec = SPECS[STAGES[stage]]
        self._stage = stage
        self._store = store
        self._reach = reach
        self._functions = functions
        self._runtime = runtime

    async def run(self, ctx: TaskContext, payload: StoryPayload) -> Outcome:
        run = await self._store.story(payload.story_id)
        check_of(run, payload)
        if run.state in OVER:
            return Outcome(
                _result(run.story_id, self._stage, run.state), None, f"Nothing to do: the story is {run.state}"
            )
        await ctx.advance(self._stage, 0, 1, _TELLS[self._stage])
        token = await token_of(self._store, run)
        results = await self._store.results(run.story_id)
        before = results.before or await self._read(ctx, run, token)
        results = replace(results, before=before)
        value = _kept(results, self._stage) or await self._work(ctx, run, token, results, before)
        state = await self._keep(ctx, run, value, _with(results, value))
        await ctx.advance(self._stage, 1, 1)
        steps = [step for step in await self._store.steps(run.story_id) if step.stage is self._stage]
        tokens = sum(step.prompt_tokens + step.completion_tokens for step in steps)
        result = {**_result(run.story_id, self._stage, state), "tokens": tokens}
        return Outcome(result, None, _sentence(value))

    async def _read(self, ctx: TaskContext, run: StoryRun, token: str) -> Story:
        story = (await self._reach.shortcut.story(token, run.shortcut_id)).story
        others = [text for text in story.comments if not is_ours(text)]
        kept = await self._store.keep_before(ctx.fence, run.story_id, story.model_copy(update={"comments": others}))
        await ctx.advance(self._stage, 0, 1, _TELLS[self._stage])
        return kept

    async def _note(self, ctx: TaskContext, story_id: str, step: AgentStep) -> None:
        """Kept, then told of: who looks at the story sees each step as it is made."""
        await self._store.note(ctx.fence, story_id, step)
        await ctx.advance(self._stage, 0, 1, f"{_TELLS[self._stage]}: {_STEP_TELLS[step.kind]}")

    async def _work(
        self, ctx: TaskContext, run: StoryRun, token: str, results: StoryResults, story: Story
    ) -> StageValue:
        stage_ctx = StageContext(
            task_id=ctx.task.task_id,
            attempt=ctx.task.attempt,
            step=ctx.step,
            note=partial(self._note, ctx, run.story_id),
            hands=StoryHands(self._reach, token, run.shortcut_id),
            runtime=self._runtime,
            model=run.settings.model,
            max_tokens=run.settings.max_tokens,
            max_cost_usd=run.settings.max_cost_usd,
            spent_before=spent_outside(await self._store.steps(run.story_id), self._stage),
        )
        if self._stage is Stage.TRIAGE:
            return await self._functions.triage(stage_ctx, story)
        if results.triage is None:
            raise errors.WrongState("The story has no triage yet.", story_id=run.story_id)
        if self._stage is Stage.ANALYSIS:
            return await self._functions.analyze(stage_ctx, story, results.triage)
        if results.analysis is None:
            raise errors.WrongState("The story has no analysis yet.", story_id=run.story_id)
        return await self._functions.enhance(stage_ctx, story, results.triage, results.analysis)

    async def _keep(self, ctx: TaskContext, run: StoryRun, value: StageValue, results: StoryResults) -> StoryState:
        proposed = None
        if self._stage is STAGES_OF[run.goal][-1]:
            needs_approval = run.settings.needs_approval and not run.settings.dry_run
            task = None if needs_approval else write_back_task(run, ctx.task.task_id)
            proposed = Proposed(proposal_of(run, results), task)
        return await self._store.keep_stage(ctx.fence, run.story_id, self._stage, value, proposed)


_TELLS = {
    Stage.TRIAGE: "Looking at what kind of story it is",
    Stage.ANALYSIS: "Finding out what is known about it",
    Stage.ENHANCEMENT: "Writing a better story",
}
_STEP_TELLS = {
    StepKind.MODEL: "the model has answered",
    StepKind.TOOL: "something was looked up",
    StepKind.HANDOFF: "handed on",
}


def _with(results: StoryResults, value: StageValue) -> StoryResults:
    if isinstance(value, Triage):
        return replace(results, triage=value)
    return replace(results, analysis=value) if isinstance(value, Analysis) else replace(results, enhancement=value)


def _kept(results: StoryResults, stage: Stage) -> StageValue | None:
    values: dict[Stage, StageValue | None] = {
        Stage.TRIAGE: results.triage,
        Stage.ANALYSIS: results.analysis,
        Stage.ENHANCEMENT: results.enhancement,
    }
    return values[stage]


def _result(story_id: str, stage: Stage, state: StoryState) -> dict[str, str]:
    return {"story_id": story_id, "stage": stage.value, "state": state.value}


def _sentence(value: StageValue) -> str:
    left_out = f"; left out: {' '.join(value.left_out)}" if value.left_out else ""
    if isinstance(value, Triage):
        return f"{value.kind}; {len(value.missing)} parts missing{left_out}"
    if isinstance(value, Analysis):
        return f"{len(value.findings)} findings, {len(value.sources)} sources{left_out}"
    return f"{len(value.sections)} sections, {len(value.acceptance_criteria)} acceptance criteria{left_out}"
