// The tasks that this one has to do with: who started it, what it waits for, what it started. Nothing where there are none.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { childrenQuery, taskQuery } from "../../data/tasks";
import { isFinal } from "../../live/tasks";
import { shortUrl } from "../../text/format";
import { faceLabel, faceOf, FACES } from "../../text/progress";
import { visible } from "../../text/visible";
import type { TaskShape } from "../../wire";

const MOST_SHOWN = 10;

export function Related({ task }: { task: TaskShape }): ReactNode {
  const { api } = useApp();
  const children = useQuery({ ...childrenQuery(api, task.task_id), staleTime: 10_000 }).data?.items ?? [];
  const { parent_task_id: parent, depends_on: dependsOn } = task;
  const newer = task.error?.code === "superseded" ? task.error.details.by : null;
  if (children.length === 0 && parent === null && dependsOn.length === 0 && typeof newer !== "string") return null;
  return (
    <ul className="related sm" aria-label="Related tasks">
      {typeof newer === "string" ? <Other role="Replaced by" taskId={newer} /> : null}
      {parent === null ? null : <Other role="Started by" taskId={parent} />}
      {dependsOn.slice(0, MOST_SHOWN).map((taskId) => (
        <Other key={taskId} role={isFinal(task.status) ? "Waited for" : "Waits for"} taskId={taskId} />
      ))}
      {dependsOn.length > MOST_SHOWN ? <li className="muted">and {dependsOn.length - MOST_SHOWN} more</li> : null}
      {children.slice(0, MOST_SHOWN).map((child) => (
        <Line key={child.task_id} role="Started" task={child} />
      ))}
    </ul>
  );
}

/** A task that is known by its id alone. */
function Other({ role, taskId }: { role: string; taskId: string }): ReactNode {
  const { api } = useApp();
  const { data } = useQuery({
    ...taskQuery(api, taskId),
    refetchInterval: (query) => (query.state.data === undefined || isFinal(query.state.data.status) ? false : 3_000),
  });
  if (data !== undefined) return <Line role={role} task={data} />;
  return (
    <li>
      <span className="muted">{role}</span>
      <TaskLink taskId={taskId} name={taskId} />
    </li>
  );
}

function Line({ role, task }: { role: string; task: TaskShape }): ReactNode {
  return (
    <li>
      <span className="muted">{role}</span>
      <TaskLink taskId={task.task_id} name={`${task.task_type.replaceAll("_", " ")} · ${shortUrl(task.title)}`} />
      <span className={`st ${FACES[faceOf(task)].tone}`}>{faceLabel(task)}</span>
    </li>
  );
}

export function TaskLink({ taskId, name }: { taskId: string; name: string }): ReactNode {
  return (
    <Link to="/activity/$taskId" params={{ taskId }} className="ell">
      {visible(name)}
    </Link>
  );
}
