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

export function Announcer(): ReactNode {
  const { byId } = useTasks();
  const connection = useConnection();
  const [heard, setHeard] = useState({ byId, connection, text: "" });
  if (heard.byId !== byId || heard.connection !== connection) {
    const news = [lineNews(heard.connection, connection), ...taskNews(heard.byId, byId)].filter((part) => part !== null);
    setHeard({ byId, connection, text: news.length > 0 ? news.slice(0, 3).join(". ") : heard.text });
  }
  return (
    <div className="sr" role="status" aria-live="polite">
      {heard.text}
    </div>
  );
}

function lineNews(before: Connection, now: Connection): string | null {
  if (before === "live" && (now === "reconnecting" || now === "offline")) return "Connection lost";
  return before === "catching_up" && now === "live" ? "Connected, everything caught up" : null;
}

function taskNews(before: ReadonlyMap<string, TaskShape>, now: ReadonlyMap<string, TaskShape>): (string | null)[] {
  if (before.size === 0) return [];
  return [...now.values()]
    .filter((task) => (before.get(task.task_id)?.status ?? "queued") !== task.status)
    .map((task) => (SAID[task.status] === null ? null : `${shortUrl(task.title)} ${SAID[task.status] ?? ""}`));
}
