// `/activity/:id`: one task. What happened and what next, the stages, the log, the URLs, the problems, the settings.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";

import { useApp } from "../../components/app";
import { errorOf, Failure, InlineError } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Icon } from "../../components/Icon";
import { LogView } from "./LogView";
import { FactList } from "../../components/FactList";
import { useShortcut } from "../../components/shortcuts";
import { StageCounters } from "./StageCounters";
import { StatusBadge } from "../../components/StatusBadge";
import { Tabs } from "../../components/Tabs";
import { CancelButton, type Commands, RetryButton, RetryFailedButton, useTaskCommands } from "../../components/taskCommands";
import { UrlList } from "./UrlList";
import { WhatHappened } from "./WhatHappened";
import type { ProgressState } from "../../live/progress";
import { useConnection, useProgress } from "../../live/react";
import { isFinal } from "../../live/tasks";
import { taskQuery } from "../../data/tasks";
import type { TaskTab } from "./params";
import { count, shortUrl } from "../../text/format";
import { saveLog } from "./saveLog";
import { stateCount } from "../../text/urls";
import { visible } from "../../text/visible";
import type { TaskShape } from "../../wire";

export function TaskDetail(): ReactNode {
  const { taskId } = useParams({ from: "/activity/$taskId" });
  return <Followed key={taskId} taskId={taskId} />;
}

/** The live state, or what REST says while there is no line. */
function Followed({ taskId }: { taskId: string }): ReactNode {
  const { api } = useApp();
  const progress = useProgress(taskId);
  const isLive = useConnection() === "live";
  const rest = useQuery({ ...taskQuery(api, taskId), refetchInterval: isLive ? false : 5_000 });
  const task = newest(progress?.task ?? null, rest.data ?? null);
  if (task !== null) return <Detail task={task} progress={progress} />;
  if (progress?.isFound === false || rest.error !== null) {
    const error = rest.error === null ? null : errorOf(rest.error);
    return (
      <div className="empty">
        <Heading title="No such task">No such task</Heading>
        {error === null ? null : <Failure error={error} context={{ task_id: taskId }} />}
        <p>
          <Link to="/activity">All tasks</Link>
        </p>
      </div>
    );
  }
  return <p className="muted loading">Loading…</p>;
}

function newest(live: TaskShape | null, rest: TaskShape | null): TaskShape | null {
  if (live === null || rest === null) return live ?? rest;
  return rest.last_seq > live.last_seq ? rest : live;
}

function Detail({ task, progress }: { task: TaskShape; progress: ProgressState | null }): ReactNode {
  const commands = useTaskCommands(task);
  const name = visible(shortUrl(task.title));
  useRefreshWhenEnded(task);
  useShortcut("r", "Retry", () => {
    if (task.status === "failed" || task.status === "cancelled") commands.retry({});
  });
  return (
    <>
      <div className="head">
        <Link to="/activity" className="sm">
          Activity
        </Link>
        <span className="muted" aria-hidden="true">
          /
        </span>
        <Heading title={name} className="ell">
          {name}
        </Heading>
        <StatusBadge task={task} />
        <span className="sp" />
        <Actions task={task} commands={commands} />
      </div>
      <InlineError error={commands.error} />
      <WhatHappened task={task} />
      <StageCounters task={task} events={progress?.events ?? []} />
      <Details task={task} progress={progress} commands={commands} />
    </>
  );
}

function Actions({ task, commands }: { task: TaskShape; commands: Commands }): ReactNode {
  const sourceId = task.payload.source_id;
  const hasPages = (task.progress.stages.stored?.done ?? 0) > 0;
  return (
    <div className="row">
      {typeof sourceId === "string" && hasPages ? (
        <>
          <Link className="btn" to="/sources/$sourceId" params={{ sourceId }}>
            Open source
          </Link>
          <Link className="btn" to="/search" search={{ source: sourceId }}>
            <Icon name="search" />
            Search it
          </Link>
        </>
      ) : null}
      <CancelButton task={task} commands={commands} />
      {task.status === "completed" ? <RetryFailedButton task={task} commands={commands} /> : null}
      <RetryButton task={task} commands={commands} />
    </div>
  );
}

function Details({ task, progress, commands }: { task: TaskShape; progress: ProgressState | null; commands: Commands }): ReactNode {
  const { tab = "log" } = useSearch({ from: "/activity/$taskId" });
  const navigate = useNavigate({ from: "/activity/$taskId" });
  const [isErrorsOnly, setErrorsOnly] = useState(false);
  useShortcut("e", "Errors only", () => setErrorsOnly(!isErrorsOnly));
  const isCrawl = task.task_type === "crawl";
  const { failed, skipped, stages } = task.progress;
  const urls = (stages.stored?.done ?? 0) + failed + (stateCount(task, "skipped") ?? skipped);
  const all: readonly { name: TaskTab; label: string; badge?: ReactNode; isCrawls?: boolean }[] = [
    { name: "log", label: "Log", badge: <span className="muted num">{count(task.last_seq)}</span> },
    { name: "pages", label: "Pages", badge: <span className="muted num">{count(urls)}</span>, isCrawls: true },
    { name: "problems", label: "Problems", badge: failed > 0 ? <span className="n bad num">{count(failed)}</span> : null, isCrawls: true },
    { name: "settings", label: "Settings used" },
  ];
  const tabs = all.filter((some) => isCrawl || some.isCrawls !== true);
  const choose = (name: TaskTab): void => void navigate({ search: name === "log" ? {} : { tab: name }, replace: true });
  const tools = tab === "log" ? <LogTools task={task} isErrorsOnly={isErrorsOnly} onErrorsOnly={setErrorsOnly} /> : null;
  return (
    <Tabs label="Details" tabs={tabs} current={tab} onChoose={choose} tools={tools}>
      {tab === "log" && progress !== null && progress.isFound === true ? (
        <LogView progress={progress} isErrorsOnly={isErrorsOnly} />
      ) : null}
      {tab === "log" && progress?.isFound !== true ? <p className="muted loading">The log is on its way…</p> : null}
      {tab === "pages" ? <UrlList task={task} /> : null}
      {tab === "problems" ? <UrlList task={task} only="failed" commands={commands} /> : null}
      {tab === "settings" ? <FactList facts={task.payload} /> : null}
    </Tabs>
  );
}

interface ToolsProps {
  readonly task: TaskShape;
  readonly isErrorsOnly: boolean;
  readonly onErrorsOnly: (isOn: boolean) => void;
}

function LogTools({ task, isErrorsOnly, onErrorsOnly }: ToolsProps): ReactNode {
  const { api } = useApp();
  const [error, setError] = useState<Error | null>(null);
  const download = async (): Promise<void> => {
    try {
      await saveLog(api, task.task_id);
      setError(null);
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      setError(cause);
    }
  };
  return (
    <div className="tools">
      <label className="chk sm">
        <input type="checkbox" checked={isErrorsOnly} onChange={(event) => onErrorsOnly(event.target.checked)} />
        Errors only
      </label>
      <button type="button" className="btn quiet small" onClick={() => void download()}>
        <Icon name="down" />
        Download
      </button>
      <InlineError error={error} />
    </div>
  );
}

/** What a finished task gave is read anew wherever it shows. */
function useRefreshWhenEnded(task: TaskShape): void {
  const queries = useQueryClient();
  const hasEnded = isFinal(task.status);
  useEffect(() => {
    if (!hasEnded) return;
    for (const queryKey of [["sources"], ["source"], ["task", task.task_id]]) void queries.invalidateQueries({ queryKey });
  }, [queries, hasEnded, task.task_id]);
}
