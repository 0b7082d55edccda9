// Tells screen readers the few things that matter: a task started, failed or finished, the line was lost or is back.

import { type ReactNode, useState } from "react";

import type { Connection } from "../live/client";
import { useConnection, useTasks } from "../live/react";
import type { TaskShape, TaskStatus } from "../wire";
import { shortUrl } from "../text/format";

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
  const { byId } = useTasks();
  const connection = useConnection();
  const [heard, setHeard] = useState({ byId, connection, isLost: false, text: "" });
  if (heard.byId !== byId || heard.connection !== connection) {
    const line = lineNews(heard.connection, heard.isLost, connection);
    const news = [line.text, ...taskNews(heard.byId, byId)].filter((part) => part !== null);
    setHeard({ byId, connection, isLost: line.isLost, text: news.length > 0 ? told(news) : heard.text });
  }
  return (
    <div className="sr" role="status" aria-live="polite">
      {heard.text}
    </div>
  );
}

/** Many at once (a bulk cancel, say) are told as a number. */
function told(news: readonly string[]): string {
  const rest = news.length - MOST_TOLD;
  return [...news.slice(0, MOST_TOLD), ...(rest > 0 ? [`And ${rest} more`] : [])].join(". ");
}

/** A tab that is shown again catches up as well; that is told only after the line was lost. */
function lineNews(before: Connection, wasLost: boolean, now: Connection): { text: string | null; isLost: boolean } {
  const isDown = now === "reconnecting" || now === "offline";
  if (isDown) return { text: wasLost || before === "connecting" ? null : "Connection lost", isLost: true };
  if (now === "live" && wasLost) return { text: "Connected, everything caught up", isLost: false };
  return { text: null, isLost: wasLost };
}

function taskNews(before: ReadonlyMap<string, TaskShape>, now: ReadonlyMap<string, TaskShape>): (string | null)[] {
  if (before.size === 0) return [];
  return [...now.values()]
    .filter((task) => (before.get(task.task_id)?.status ?? "queued") !== task.status)
    .map((task) => (SAID[task.status] === null ? null : `${shortUrl(task.title)} ${SAID[task.status] ?? ""}`));
}
