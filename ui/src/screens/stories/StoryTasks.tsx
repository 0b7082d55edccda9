// The tasks of a story, in their order, each with its state.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { FaceBadge } from "../../components/StatusBadge";
import { FACES } from "../../text/progress";
import { taskName } from "../../text/stories";
import type { StoryShape } from "../../wire";

export function StoryTasks({ story: { tasks } }: { story: StoryShape }): ReactNode {
  if (tasks.length === 0) return null;
  return (
    <ol className="row story-tasks" aria-label="Its tasks">
      {tasks.map(({ task_id: taskId, task_type: type, status }) => (
        <li key={taskId} className="row">
          <Link to="/activity/$taskId" params={{ taskId }}>
            {taskName(type)}
          </Link>
          <FaceBadge face={status} status={status} label={FACES[status].label} />
        </li>
      ))}
    </ol>
  );
}
