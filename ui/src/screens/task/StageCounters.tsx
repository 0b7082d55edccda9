// How far a task is. For a crawl six counters; its stages overlap (page 1 is stored while page 300 is fetched), so this
// is no stepper. Other tasks have a bar for each of their stages.

import type { ReactNode } from "react";

import { Bar } from "../../components/Bar";
import { useNow } from "../../components/useNow";
import { isFinal } from "../../live/tasks";
import { ago, clock, count, counted, duration } from "../../text/format";
import { barOf, pagesText, rateText, STAGE_NAMES, STAGES, type Tone } from "../../text/progress";
import { runSeconds } from "../../text/taskTime";
import { stateCount } from "../../text/urls";
import type { CrawlStage, EventShape, TaskShape } from "../../wire";

interface Props {
  readonly task: TaskShape;
  readonly events: readonly EventShape[];
}

export function StageCounters({ task, events }: Props): ReactNode {
  const now = useNow(1_000);
  const isCrawl = task.task_type === "crawl";
  return (
    <section className="card pad stages" aria-labelledby="stages">
      <h2 id="stages" className="sr">
        Stages
      </h2>
      {isCrawl ? (
        <ol className="pipe">
          {STAGES.map((stage) => (
            <Stage key={stage} stage={stage} task={task} />
          ))}
        </ol>
      ) : (
        <PlainStages task={task} />
      )}
      {isCrawl && task.processing_started_at !== null ? <p className="sm num">{tally(task)}</p> : null}
      <p className="muted sm num">{story(task, events, now)}</p>
    </section>
  );
}

function Stage({ stage, task }: { stage: CrawlStage; task: TaskShape }): ReactNode {
  const known = task.progress.stages[stage];
  const isOn = known !== undefined || Object.keys(task.progress.stages).length === 0;
  return (
    <li>
      <span className="muted sm">{STAGE_NAMES[stage]}</span>
      <span className="big num" data-testid={`stage-${stage}`}>
        {isOn ? count(known?.done ?? 0) : "off"}
      </span>
      {isOn ? <Bar label={STAGE_NAMES[stage]} {...stageBar(stage, task)} /> : <p className="muted xs">no embedder is on</p>}
    </li>
  );
}

function stageBar(stage: CrawlStage, task: TaskShape): { value: number | null; tone: Tone; text: string } {
  const { done, total } = task.progress.stages[stage] ?? { done: 0, total: null };
  const hasEnded = isFinal(task.status);
  if (stage === "discovered" || total === null) {
    const isOpen = task.status === "running" && task.progress.stage !== "embedding";
    return { value: isOpen ? null : done > 0 ? 100 : 0, tone: task.status === "completed" ? "ok" : "run", text: counted(done, "page") };
  }
  const value = total === 0 ? 0 : (100 * done) / total;
  const tone = done >= total && total > 0 && hasEnded ? "ok" : task.status === "failed" ? "bad" : "run";
  return { value, tone, text: `${count(done)} of ${count(total)}` };
}

/** The stages of a task of another type, by the names that it gives them. */
function PlainStages({ task }: { task: TaskShape }): ReactNode {
  const stages = Object.entries(task.progress.stages);
  const { value, tone } = barOf(task);
  if (stages.length === 0) return <Bar value={value} tone={tone} text={task.progress.message} label="Progress" />;
  return (
    <ul className="plain-stages">
      {stages.map(([name, { done, total }]) => {
        const text = total === null ? count(done) : `${count(done)} of ${count(total)}`;
        return (
          <li key={name}>
            <span className="muted sm">{name.replaceAll("_", " ")}</span>
            <Bar value={total === null ? null : total === 0 ? 100 : (100 * done) / total} tone={tone} text={text} label={name.replaceAll("_", " ")} />
            <span className="num sm">{text}</span>
          </li>
        );
      })}
    </ul>
  );
}

/** "412 of 1,080 found so far · 3 failed · 20 skipped". */
function tally(task: TaskShape): string {
  const { failed } = task.progress;
  const skipped = stateCount(task, "skipped") ?? task.progress.skipped;
  const parts = [
    pagesText(task),
    failed > 0 ? `${count(failed)} failed` : null,
    skipped > 0 ? `${count(skipped)} skipped` : null,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

/** When it began, how long it ran (without its pauses), in which attempt, where. */
function story(task: TaskShape, events: readonly EventShape[], now: number): string {
  const { processing_started_at: start, processing_completed_at: end } = task;
  const stored = task.progress.stages.stored?.done ?? 0;
  const seconds = runSeconds(task, events, now);
  const average = end !== null && seconds !== null && seconds >= 1 && stored > 0 ? rateText(stored / seconds) : null;
  const parts = [
    start === null ? `Queued ${clock(task.created_at)} (${ago(task.created_at, now)})` : `Started ${clock(start)} (${ago(start, now)})`,
    seconds === null ? null : `${task.status === "running" ? "running for" : "ran"} ${duration(seconds)}`,
    average === null ? null : `${average} on average`,
    task.retry_attempts > 0 ? `attempt ${task.retry_attempts + 1} of ${task.max_retries + 1}` : null,
    task.worker_id === null ? null : `worker ${task.worker_id}`,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}
