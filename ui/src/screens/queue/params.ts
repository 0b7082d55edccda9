import { oneOf, type Raw } from "../../params";

export type QueueTab = "waiting" | "failed" | "workers" | "schedules" | "webhooks";

const TABS: Readonly<Record<QueueTab, true>> = { waiting: true, failed: true, workers: true, schedules: true, webhooks: true };

export interface QueueParams {
  readonly tab?: QueueTab;
}

export function queueParams(raw: Raw): QueueParams {
  return oneOf("tab", TABS, raw.tab);
}
