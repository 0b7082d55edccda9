import { oneOf, type Raw, text } from "../../params";

export interface TracesParams {
  readonly project?: string;
  readonly path?: string;
}

export function tracesParams(raw: Raw): TracesParams {
  const project = text("project", raw.project);
  return project.project === undefined ? {} : { ...project, ...text("path", raw.path) };
}

export type GroupTab = "template" | "traces" | "implementations" | "history";

const TABS: Readonly<Record<GroupTab, true>> = { template: true, traces: true, implementations: true, history: true };

export interface GroupParams {
  readonly tab?: GroupTab;
}

export function groupParams(raw: Raw): GroupParams {
  return oneOf("tab", TABS, raw.tab);
}
