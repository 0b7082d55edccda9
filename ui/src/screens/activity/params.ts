import { oneOf, type Raw, text } from "../../params";

export type ActivityFilter = "attention" | "running" | "queued" | "ended";

const FILTERS: Readonly<Record<ActivityFilter, true>> = { attention: true, running: true, queued: true, ended: true };

export interface ActivityParams {
  readonly q?: string;
  readonly show?: ActivityFilter;
}

export function activityParams(raw: Raw): ActivityParams {
  return { ...text("q", raw.q), ...oneOf("show", FILTERS, raw.show) };
}
