// The agents' steps: each call of a model or a tool in order, by stage, with when, how long, how many tokens, what it cost.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { clock, count, counted } from "../../text/format";
import { costText, KIND_NAMES, placeOf, secondsText, STAGE_NAMES, STAGES, tookText, totalOf } from "../../text/stories";
import { visible } from "../../text/visible";
import type { AgentStep, Stage, StoryShape } from "../../wire";

export function StepsTab({ story: { steps, tokens, cost_usd: cost } }: { story: StoryShape }): ReactNode {
  if (steps.length === 0) return <p className="muted">No agent has made a step: none has begun, or there is no chat model.</p>;
  const { models, tools, seconds } = totalOf(steps);
  return (
    <>
      <p className="num">
        {counted(models, "call")} of a model, {counted(tools, "call")} of tools, {secondsText(seconds)}; {tookText(tokens, cost)}
      </p>
      {STAGES.map((stage) => (
        <StageSteps key={stage} stage={stage} steps={steps.filter((step) => step.stage === stage)} />
      ))}
    </>
  );
}

function StageSteps({ stage, steps }: { stage: Stage; steps: readonly AgentStep[] }): ReactNode {
  const first = steps[0];
  if (first === undefined) return null;
  const tokens = steps.reduce((sum, each) => sum + each.prompt_tokens + each.completion_tokens, 0);
  return (
    <section className="card" aria-labelledby={`stage-${stage}`}>
      <div className="row story-stage">
        <h2 id={`stage-${stage}`}>{STAGE_NAMES[stage]}</h2>
        <span className="muted sm num">
          {counted(steps.length, "step")}, {counted(tokens, "token")}
        </span>
        <span className="sp" />
        <Link to="/activity/$taskId" params={{ taskId: first.task_id }} className="sm">
          Its task
        </Link>
      </div>
      <ol className="story-steps" aria-labelledby={`stage-${stage}`}>
        {steps.map((step) => (
          <Step key={step.ordinal} step={step} steps={steps} />
        ))}
      </ol>
    </section>
  );
}

function Step({ step, steps }: { step: AgentStep; steps: readonly AgentStep[] }): ReactNode {
  const { ordinal, kind, agent, model, tool, detail, error, at, seconds, prompt_tokens: asked, completion_tokens: said, cost_usd: cost } = step;
  const { from, share } = placeOf(step, steps);
  const price = costText(cost);
  return (
    <li data-testid="step" data-kind={kind}>
      <span className="num muted sm">{count(ordinal)}</span>
      <div className="story-step">
        <p className="row">
          <b className="wrap">{visible(agent)}</b>
          <span className="tag">{KIND_NAMES[kind]}</span>
          <span className="mono wrap">{visible(tool ?? model ?? "")}</span>
        </p>
        {detail === "" ? null : <p className="sm wrap">{visible(detail)}</p>}
        {error === null ? null : <p className="inline-error">{visible(error)}</p>}
      </div>
      <p className="sm muted num story-took">
        <span>
          {clock(at)}, {secondsText(seconds)}
        </span>
        {asked + said === 0 ? null : (
          <span>
            {count(asked)} tokens in, {count(said)} out{price === null ? "" : `, ${price}`}
          </span>
        )}
      </p>
      <div className="story-time" aria-hidden="true">
        <i style={{ marginLeft: `${from * 100}%`, width: `${share * 100}%` }} />
      </div>
    </li>
  );
}
