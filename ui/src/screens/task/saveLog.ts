// Saves a task's whole log as a file: one event a line, as JSON.

import type { Api } from "../../data/api";
import type { EventShape } from "../../wire";
import { getTask, olderEvents } from "../../data/tasks";

const PAGE = 500;

export async function saveLog(api: Api, taskId: string): Promise<void> {
  const { last_seq: last } = await getTask(api, taskId);
  let events: EventShape[] = [];
  let before = last + 1;
  while (before > 1) {
    const { items } = await olderEvents(api, taskId, before, PAGE);
    const first = items[0];
    if (first === undefined) break;
    events = [...items, ...events];
    before = first.seq;
  }
  const text = events.map((event) => `${JSON.stringify(event)}\n`).join("");
  const url = URL.createObjectURL(new Blob([text], { type: "application/x-ndjson" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `${taskId}.ndjson`;
  link.click();
  URL.revokeObjectURL(url);
}
