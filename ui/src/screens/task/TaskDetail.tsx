// `/activity/:id`: one task. What happened and what next, the stages, the log, the URLs, the problems, the settings.

import "./task.css";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";

import { useApp } from "../../components/app";
import { errorOf, Failure, InlineError } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Loading } from "../../components/Loading";
import { StatusBadge } from "../../components/StatusBadge";
import { useTaskCommands } from "../../components/taskCommands";
import { taskQuery } from "../../data/tasks";
import type { ProgressState } from "../../live/progress";
import { useConnection, useProgress } from "../../live/react";
import { isFinal } from "../../live/tasks";
import { shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { TaskShape } from "../../wire";
import { Details } from "./Details";
import { Related } from "./Related";
import { StageCounters } from "./StageCounters";
import { TaskActions } from "./TaskActions";
import { WhatHappened } from "./WhatHappened";

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
  return <Loading />;
}

function newest(live: TaskShape | null, rest: TaskShape | null): TaskShape | null {
  if (live === null || rest === null) return live ?? rest;
  return rest.last_seq > live.last_seq ? rest : live;
}

function Detail({ task, progress }: { task: TaskShape; progress: ProgressState | null }): ReactNode {
  const commands = useTaskCommands(task);
  const name = visible(shortUrl(task.title === "" ? task.task_type : task.title));
  const events = progress?.events ?? [];
  useRefreshWhenEnded(task);
  return (
    <>
      <div className="head task-head">
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
        <TaskActions task={task} commands={commands} />
      </div>
      <InlineError error={commands.error} />
      <WhatHappened task={task} events={events} commands={commands} />
      <StageCounters task={task} events={events} />
      <Related task={task} />
      <Details task={task} progress={progress} commands={commands} />
    </>
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
