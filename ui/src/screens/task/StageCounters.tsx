// The six counters of a crawl. Stages overlap (page 1 is stored while page 300 is fetched), so this is no stepper.

import type { ReactNode } from "react";

import { isFinal } from "../../live/tasks";
import { ago, clock, count, counted, duration } from "../../text/format";
import { choicesOf } from "../../text/log";
import { etaText, pagesText, rateText, STAGE_NAMES, STAGES, STALLED_SECONDS, type Tone } from "../../text/progress";
import { stateCount } from "../../text/urls";
import { visible } from "../../text/visible";
import type { CrawlStage, EventShape, TaskShape } from "../../wire";
import { Bar } from "../../components/Bar";
import { useNow } from "../../components/useNow";

interface Props {
  readonly task: TaskShape;
  readonly events: readonly EventShape[];
}

export function StageCounters({ task, events }: Props): ReactNode {
  const now = useNow(1_000);
  const { current_url: url } = task.progress;
  return (
    <section className="card pad" aria-labelledby="stages">
      <h2 id="stages" className="sr">
        Stages
      </h2>
      {task.task_type === "crawl" ? (
        <ol className="pipe">
          {STAGES.map((stage) => (
            <Stage key={stage} stage={stage} task={task} />
          ))}
        </ol>
      ) : (
        <Bar value={task.progress.percentage} tone="run" text={task.progress.message} label="Progress" />
      )}
      <p className="sm num pace">{pace(task, events, now)}</p>
      {url === null || isFinal(task.status) ? null : (
        <p className="muted xs mono ell" data-testid="current-url">
          {visible(url)}
        </p>
      )}
      <p className="muted sm num">{story(task, now)}</p>
      <Choices events={events} />
    </section>
  );
}

/** What the crawl decided by itself: how the site is taken, and how the pages of its hosts are got by now. */
function Choices({ events }: { events: readonly EventShape[] }): ReactNode {
  const chosen = choicesOf(events);
  if (chosen.length === 0) return null;
  return (
    <ul className="sm choices" aria-label="How it is crawled">
      {chosen.map(({ seq, message }) => (
        <li key={seq} className="muted wrap">
          {visible(message)}
        </li>
      ))}
    </ul>
  );
}

function Stage({ stage, task }: { stage: CrawlStage; task: TaskShape }): ReactNode {
  const known = task.progress.stages[stage];
  const isOn = known !== undefined || Object.keys(task.progress.stages).length === 0;
  const done = known?.done ?? 0;
  return (
    <li>
      <span className="muted sm">{STAGE_NAMES[stage]}</span>
      <span className="big num" data-testid={`stage-${stage}`}>
        {isOn ? count(done) : "off"}
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

function pace(task: TaskShape, events: readonly EventShape[], now: number): string {
  const { failed, rate_per_second: rate } = task.progress;
  const skipped = stateCount(task, "skipped") ?? task.progress.skipped;
  const quiet = quietSeconds(task, events, now);
  const isRunning = task.status === "running";
  const parts = [
    pagesText(task),
    isRunning && quiet < STALLED_SECONDS ? rateText(rate) : null,
    isRunning ? etaText(task.progress, quiet) : null,
    failed > 0 ? `${count(failed)} failed` : null,
    skipped > 0 ? `${count(skipped)} skipped` : null,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

const PAGE_EVENTS = new Set(["page_stored", "page_skipped", "page_failed", "pages_embedded", "task_started", "task_resumed"]);

/** How long no page has come, in seconds; 0 where that says nothing. */
function quietSeconds(task: TaskShape, events: readonly EventShape[], now: number): number {
  const last = events.findLast((event) => PAGE_EVENTS.has(event.type))?.at ?? task.processing_started_at;
  return task.status !== "running" || last === null ? 0 : Math.max(0, (now - Date.parse(last)) / 1000);
}

function story(task: TaskShape, now: number): string {
  const { processing_started_at: start, processing_completed_at: end } = task;
  const stored = task.progress.stages.stored?.done ?? 0;
  const seconds = start === null ? 0 : ((end === null ? now : Date.parse(end)) - Date.parse(start)) / 1000;
  const average = end !== null && seconds >= 1 && stored > 0 ? rateText(stored / seconds) : null;
  const parts = [
    start === null ? `Queued ${clock(task.created_at)} (${ago(task.created_at, now)})` : `Started ${clock(start)} (${ago(start, now)})`,
    start === null ? null : `${end === null ? "running for" : "ran"} ${duration(Math.max(0, seconds))}`,
    average === null ? null : `${average} on average`,
    task.retry_attempts > 0 ? `attempt ${task.retry_attempts + 1} of ${task.max_retries + 1}` : null,
    task.worker_id === null ? null : `worker ${task.worker_id}`,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}
