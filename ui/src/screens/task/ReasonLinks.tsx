// Why addresses gave no page, counted by reason: each leads to the list of those.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { urlCountsQuery } from "../../data/crawls";
import { isFinal } from "../../live/tasks";
import { count } from "../../text/format";
import { reasonOf } from "../../text/reasons";
import { visible } from "../../text/visible";
import type { TaskShape, UrlCounts, UrlState } from "../../wire";

const COUNTS_MS = 3_000;
const MOST_SHOWN = 12;

/** The counts of a crawl's addresses, read anew while it runs. */
export function useUrlCounts(task: TaskShape): UrlCounts | undefined {
  const { api } = useApp();
  const isCounted = task.task_type === "crawl";
  const refetchInterval = isFinal(task.status) || task.status === "paused" ? false : COUNTS_MS;
  return useQuery({ ...urlCountsQuery(api, task.task_id), refetchInterval, enabled: isCounted }).data;
}

export function ReasonLinks({ task }: { task: TaskShape }): ReactNode {
  const reasons = useUrlCounts(task)?.reasons ?? [];
  return (
    <>
      <Group label="Failed" state="failed" reasons={reasons} />
      <Group label="Left out" state="skipped" reasons={reasons} />
    </>
  );
}

interface GroupProps {
  readonly label: string;
  readonly state: UrlState;
  readonly reasons: UrlCounts["reasons"];
}

function Group({ label, state, reasons }: GroupProps): ReactNode {
  const own = reasons.filter((row) => row.state === state);
  if (own.length === 0) return null;
  return (
    <ul className="row sm left-out" aria-label={label}>
      <li className={state === "failed" ? "bad-text" : "muted"} aria-hidden="true">
        {label}:
      </li>
      {own.slice(0, MOST_SHOWN).map(({ reason, count: size }) => (
        <li key={reason}>
          <Link from="/activity/$taskId" search={{ tab: "pages", ...(state === "failed" ? { state } : {}), reason }} title={reasonOf(reason).help}>
            {visible(reasonOf(reason).label)}
          </Link>{" "}
          <span className="muted num">{count(size)}</span>
        </li>
      ))}
    </ul>
  );
}
