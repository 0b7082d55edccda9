// A task that runs: what it does now, how fast, how long still, and what went wrong so far.

import type { ReactNode } from "react";

import { useNow } from "../../components/useNow";
import { choicesOf, warningsOf } from "../../text/log";
import { count } from "../../text/format";
import { etaText, rateText, STALLED_SECONDS } from "../../text/progress";
import { quietSeconds } from "../../text/taskTime";
import { visible } from "../../text/visible";
import type { EventShape, TaskShape } from "../../wire";
import { ReasonLinks } from "./ReasonLinks";
import type { PanelProps } from "./WhatHappened";

const DOES: Readonly<Record<string, string>> = {
  analyzing: "Looking at the site: its robots.txt, its start page, what it offers by itself",
  crawling: "Fetching, reading and storing pages",
  embedding: "All pages are read: making vectors, so that they are found by meaning too",
  evaluating: "Comparing the new state with the one that is seen",
};

export function Running({ task, events, commands }: PanelProps): ReactNode {
  const now = useNow(1_000);
  const { current_url: url, stage, message } = task.progress;
  const isCrawl = task.task_type === "crawl";
  return (
    <section className="card pad note" aria-label="What it does">
      <p>
        <b>{stopping(task, commands.isPausing, commands.isCancelling) ?? (isCrawl ? DOES[stage] : undefined) ?? (visible(message) || "Getting going")}.</b>{" "}
        <span className="num" data-testid="pace">
          {pace(task, events, now)}
        </span>
      </p>
      {url === null ? null : (
        <p className="muted xs mono ell" data-testid="current-url">
          {visible(url)}
        </p>
      )}
      {isCrawl ? <Choices events={events} /> : null}
      <Warnings events={events} isRunning />
      {isCrawl ? <ReasonLinks task={task} /> : null}
    </section>
  );
}

function stopping(task: TaskShape, isPausing: boolean, isCancelling: boolean): string | null {
  if (isCancelling) return "Cancelling: what is stored stays";
  return isPausing || task.is_pause_requested ? "Pausing: it lets go of what is under way" : null;
}

function pace(task: TaskShape, events: readonly EventShape[], now: number): string {
  const quiet = quietSeconds(task, events, now);
  if (task.task_type !== "crawl") return `${Math.floor(task.progress.percentage)} %`;
  const parts = [
    quiet < STALLED_SECONDS ? rateText(task.progress.rate_per_second) : null,
    etaText(task.progress, quiet),
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

/** What the crawl decided by itself: how the site is taken, and how the pages of its hosts are got by now. */
export function Choices({ events }: { events: readonly EventShape[] }): ReactNode {
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

/** What the task warned of: the last word of each kind. While it runs also pages that are tried again. */
export function Warnings({ events, isRunning = false }: { events: readonly EventShape[]; isRunning?: boolean }): ReactNode {
  const warnings = warningsOf(events, isRunning);
  if (warnings.length === 0) return null;
  return (
    <ul className="sm choices" aria-label="Warnings">
      {warnings.map(({ event, times }) => (
        <li key={event.seq} className="wrap">
          <span className="st warn">warning</span> {visible(event.message)}{" "}
          {times > 1 ? <span className="muted num">{count(times)} times</span> : null}{" "}
          <a href={`#line-${event.seq}`} className="xs">
            in the log
          </a>
        </li>
      ))}
    </ul>
  );
}
