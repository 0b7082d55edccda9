// Saves a task's whole log as a file: one event a line, as JSON.

import type { Api } from "../../data/api";
import { logLines } from "../../data/taskLog";
import { getTask } from "../../data/tasks";

export async function saveLog(api: Api, taskId: string): Promise<void> {
  const { first_seq: from, last_seq: to } = await getTask(api, taskId);
  const events = await logLines(api, taskId, { from: Math.max(1, from), to });
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
  const url = URL.createObjectURL(new Blob([text], { type: "application/x-ndjson" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${taskId}.ndjson`;
  link.click();
  URL.revokeObjectURL(url);
}
