import { oneOf, type Raw, text } from "../../params";
import type { PageChange } from "../../wire";

export type SourceTab = "pages" | "code" | "changes" | "settings";

const TABS: Readonly<Record<SourceTab, true>> = { pages: true, code: true, changes: true, settings: true };
const KINDS: Readonly<Record<PageChange, true>> = { added: true, changed: true, removed: true };

export interface SourceParams {
  readonly tab?: SourceTab;
  readonly language?: string;
  /** Of the changes: which refresh, which pages of it, and the page whose diff is shown. */
  readonly generation?: string;
  readonly kind?: PageChange;
  readonly page?: string;
}

export function sourceParams(raw: Raw): SourceParams {
  return {
    ...oneOf("tab", TABS, raw.tab),
    ...text("language", raw.language),
    ...(typeof raw.generation === "string" && /^[1-9]\d{0,14}$/.test(raw.generation) ? { generation: raw.generation } : {}),
    ...oneOf("kind", KINDS, raw.kind),
    ...text("page", raw.page),
  };
}
