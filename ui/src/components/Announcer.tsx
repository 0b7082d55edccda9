// Tells screen readers the few things that matter: a task started, failed or finished, the line was lost or is back.

import { type ReactNode, useState } from "react";

import type { Connection } from "../live/client";
import { useConnection, useTasks } from "../live/react";
import type { TasksState } from "../live/tasks";
import { shortUrl } from "../text/format";
import { visible } from "../text/visible";
import type { TaskStatus } from "../wire";

const LOST: Readonly<Record<Connection, boolean>> = {
  connecting: false,
  live: false,
  catching_up: false,
  reconnecting: true,
  offline: true,
};

const SAID: Readonly<Record<TaskStatus, string | null>> = {
  queued: null,
  running: "started",
  paused: null,
  completed: "finished",
  failed: "failed",
  cancelled: "was cancelled",
};
const MOST_TOLD = 3;

export function Announcer(): ReactNode {
  const tasks = useTasks();
  const connection = useConnection();
  const [heard, setHeard] = useState({ tasks, connection, wasLost: false, text: "" });
  if (heard.tasks !== tasks || heard.connection !== connection) {
    // A tab that is shown again catches up as well; that is told only after the line was lost.
    const isLost = heard.wasLost ? connection !== "live" : heard.connection !== "connecting" && LOST[connection];
    const line = isLost === heard.wasLost ? [] : [isLost ? "Connection lost" : "Connected, everything caught up"];
    const news = [...line, ...taskNews(heard.tasks, tasks)];
    setHeard({ tasks, connection, wasLost: isLost, text: news.length > 0 ? told(news) : heard.text });
  }
  return (
    <div className="sr" role="status" aria-live="polite" data-testid="announcer">
      {heard.text}
    </div>
  );
}

/** Many at once (a bulk cancel, say) are told as a number. */
function told(news: readonly string[]): string {
  const rest = news.length - MOST_TOLD;
  return [...news.slice(0, MOST_TOLD), ...(rest > 0 ? [`And ${rest} more`] : [])].join(". ");
}

/** What was there when the page opened is no news. */
function taskNews(before: TasksState, now: TasksState): readonly string[] {
  if (!before.isLoaded) return [];
  return [...now.byId.values()].flatMap((task) => {
    const was = before.byId.get(task.task_id)?.status ?? "queued";
    // To go on after a pause is no start.
    const said = was === task.status || (was === "paused" && task.status === "running") ? null : SAID[task.status];
    return said === null ? [] : [`${visible(shortUrl(task.title))} ${said}`];
  });
}
