"""Tasks of type `analyze_compliance`: a verdict for each control from its evidence, whose quotes were looked for in the pages."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from gleanery import errors
from gleanery.agents.budget import TokenBudget, estimated_tokens
from gleanery.agents.chat import ChatClient
from gleanery.agents.compliance import (
    ANSWER_TOKENS,
    EXPECTED_ANSWER_TOKENS,
    MAX_QUOTES,
    ToldVerdict,
    question_about,
    question_key,
)
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.engine.retry import RetryPolicy
from gleanery.handlers.compliance.payload import ANALYSIS, ReportPayload
from gleanery.knowledge.compliance.quotes import place_of
from gleanery.model.compliance import (
    Assessment,
    Assessor,
    Control,
    Passage,
    Quote,
    Verdict,
    counts_of,
)
from gleanery.store.compliance import ComplianceStore, Judged, Report
from gleanery.store.knowledge_store import KnowledgeStore

NO_MODEL = "No chat model is set: the passages are for a person to judge."
NO_EVIDENCE = "Nothing was found for it in these sources."
NO_QUOTE = "The model's verdict ({verdict}) does not count: none of its quotes stands in a page."
SPENT = "Not asked: the report's {limit} tokens are spent."
FAILED = "The chat model gave no answer that can be used: {message}"


class AnalyzeComplianceHandler:
    """`Handler` for tasks of type `analyze_compliance`. Without a `client` every verdict is `unknown`.

    Each verdict is kept as soon as it is there, so that another attempt asks only about the others; an answer to an equal
    question in an earlier report is taken again.
    """

    spec = TaskSpec(
        ANALYSIS,
        ReportPayload,
        Work.AGENTS,
        description="Analysis",
        retry=RetryPolicy(max_retries=5, base_seconds=5.0, cap_seconds=300.0),
        can_pause=True,
        serial_key=lambda payload: f"compliance:{payload.report_id}",
    )

    def __init__(self, store: ComplianceStore, knowledge: KnowledgeStore, client: ChatClient | None) -> None:
        self._store = store
        self._knowledge = knowledge
        self._client = client

    async def run(self, ctx: TaskContext, payload: ReportPayload) -> Outcome:
        report = await self._store.report(payload.report_id)
        framework, _ = await self._store.framework(report.framework_id, report.version)
        if without := await self._store.without_evidence(report.report_id):
            raise errors.WrongState(f"{len(without)} controls have no evidence yet.", report_id=report.report_id)
        waiting = list(await self._store.unjudged(report.report_id))
        budget = TokenBudget(report.max_tokens, spent_before=await self._store.tokens(report.report_id))
        run = _Run(ctx, self._store, self._knowledge, self._client, report, budget, framework.controls)
        run.done = len(framework.controls) - len(waiting)
        await run.tell("Judging the evidence")
        at_once = 1 if self._client is None else self._client.max_concurrency
        while waiting:
            some, waiting = waiting[:at_once], waiting[at_once:]
            # Together to their ends: one that fails doesn't take along what the others have been charged for.
            ends = await asyncio.gather(*map(run.judge, some), return_exceptions=True)
            for end in ends:
                if isinstance(end, BaseException):
                    raise end
        return await self._outcome(report, budget)

    async def _outcome(self, report: Report, budget: TokenBudget) -> Outcome:
        results = await self._store.controls(report.report_id)
        counts = counts_of(results)
        said = [result.assessment for result in results if result.assessment is not None]
        kept, dropped = sum(len(each.quotes) for each in said), sum(each.quotes_dropped for each in said)
        verdicts = {verdict.value: getattr(counts, verdict.value) for verdict in Verdict}
        result = {
            "report_id": report.report_id,
            "verdicts": verdicts,
            "quotes": kept,
            "quotes_dropped": dropped,
            "tokens": budget.spent,
        }
        message = (
            f"{counts.met} met, {counts.partly} partly, {counts.not_met} not met, {counts.unknown} unknown;"
            f" {kept} quotes, {dropped} dropped; {budget.spent} tokens"
        )
        return Outcome(result, None, message)


class _Run:
    """One attempt."""

    def __init__(
        self,
        ctx: TaskContext,
        store: ComplianceStore,
        knowledge: KnowledgeStore,
        client: ChatClient | None,
        report: Report,
        budget: TokenBudget,
        controls: Sequence[Control],
    ) -> None:
        self._ctx = ctx
        self._store = store
        self._knowledge = knowledge
        self._client = client
        self._report = report
        self._budget = budget
        self._controls = controls
        self.done = 0

    async def tell(self, message: str) -> None:
        await self._ctx.advance("controls", self.done, len(self._controls), message)

    async def judge(self, position: int) -> None:
        """Raises the ChatErrors that hold for every question."""
        control = self._controls[position]
        judged = await self._judged(position, control, await self._store.evidence(self._report.report_id, position))
        await self._store.keep_assessments(self._ctx.fence, self._report.report_id, [judged])
        self.done += 1
        await self.tell(f"{control.id}: {judged.assessment.verdict.value.replace('_', ' ')}")

    async def _judged(self, position: int, control: Control, evidence: Sequence[Passage]) -> Judged:
        if self._client is None or not evidence:
            return _unknown(position, NO_EVIDENCE if not evidence else NO_MODEL)
        key = question_key(self._client.model, control, evidence)
        known = await self._store.known(key)
        if known is not None:
            return Judged(position, known.model_copy(update={"by": Assessor.KEPT}), key, 0)
        question = question_about(control, evidence, secrets.token_hex(4))
        expected = sum(estimated_tokens(message.text) for message in question) + EXPECTED_ANSWER_TOKENS
        if not self._budget.reserve(expected):
            return _unknown(position, SPENT.format(limit=self._budget.limit))
        spent = TokenBudget(None)
        try:
            answer = await self._client.ask(question, ToldVerdict, max_answer_tokens=ANSWER_TOKENS, budget=spent)
        except errors.ChatError as error:
            if not error.about_the_question:
                raise
            return _unknown(position, FAILED.format(message=error.message), spent.spent)
        finally:
            self._budget.release(expected)
            self._budget.count(spent.usage)
        assessment = await self._assessed(answer.value, evidence, self._client.model)
        return Judged(position, assessment, key, spent.spent)

    async def _assessed(self, told: ToldVerdict, evidence: Sequence[Passage], model: str) -> Assessment:
        """The answer with the quotes that stand; a verdict without any is unknown."""
        quotes: list[Quote] = []
        dropped = max(0, len(told.quotes) - MAX_QUOTES)
        for said in told.quotes[:MAX_QUOTES]:
            is_named = 1 <= said.passage <= len(evidence)
            quote = await self._quote(said.passage, said.text, evidence[said.passage - 1]) if is_named else None
            dropped += quote is None
            quotes += [] if quote is None or quote in quotes else [quote]
        verdict = told.known_verdict
        stands = verdict is Verdict.UNKNOWN or bool(quotes)
        return Assessment(
            verdict=verdict if stands else Verdict.UNKNOWN,
            reasoning=told.plain_reasoning,
            gap="" if verdict is Verdict.MET and stands else told.plain_gap,
            quotes=quotes,
            quotes_dropped=dropped,
            by=Assessor.MODEL,
            model=model,
            note="" if stands else NO_QUOTE.format(verdict=verdict.value),
        )

    async def _quote(self, number: int, text: str, passage: Passage) -> Quote | None:
        """None where it stands neither in the passage nor elsewhere in its page."""
        span: tuple[int, int] | None = None
        shown = ""
        try:
            markdown = (await self._knowledge.page(passage.page_id)).markdown
            span = await asyncio.to_thread(place_of, text, markdown)
            shown = "" if span is None else markdown[span[0] : span[1]]
        except errors.NotFound:
            pass  # the page went away meanwhile; its passage is kept
        if span is None:
            inside = place_of(text, passage.content)
            if inside is None:
                return None
            shown = passage.content[inside[0] : inside[1]]
        start, end = span or (None, None)
        return Quote(passage=number, page_id=passage.page_id, url=passage.url, text=shown, start=start, end=end)


def _unknown(position: int, note: str, tokens: int = 0) -> Judged:
    return Judged(position, Assessment(verdict=Verdict.UNKNOWN, note=note), None, tokens)
