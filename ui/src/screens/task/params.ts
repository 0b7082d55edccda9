import { oneOf, type Raw, text } from "../../params";
import type { UrlState } from "../../wire";

export type TaskTab = "log" | "pages" | "problems" | "settings";

const TABS: Readonly<Record<TaskTab, true>> = { log: true, pages: true, problems: true, settings: true };
const STATES: Readonly<Record<UrlState, true>> = { queued: true, stored: true, skipped: true, failed: true };

/** `q` is what an address holds. */
export interface TaskParams {
  readonly tab?: TaskTab;
  readonly state?: UrlState;
  readonly reason?: string;
  /** What the URLs are searched for. */
  readonly q?: string;
  /** What the lines of the log are searched for. */
  readonly find?: string;
  /** Only the log's errors. */
  readonly only?: "errors";
}

export function taskParams(raw: Raw): TaskParams {
  return {
    ...oneOf("tab", TABS, raw.tab),
    ...oneOf("state", STATES, raw.state),
    ...text("reason", raw.reason),
    ...text("q", raw.q),
    ...text("find", raw.find),
    ...oneOf("only", { errors: true }, raw.only),
  };
}
