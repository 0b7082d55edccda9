import { oneOf, type Raw, text } from "../../params";
import type { PageChange } from "../../wire";

export type SourceTab = "pages" | "code" | "changes" | "history" | "queries" | "storage" | "settings";

const TABS: Readonly<Record<SourceTab, true>> = {
  pages: true,
  code: true,
  changes: true,
  history: true,
  queries: true,
  storage: true,
  settings: true,
};
const KINDS: Readonly<Record<PageChange, true>> = { added: true, changed: true, removed: true };

export interface SourceParams {
  readonly tab?: SourceTab;
  /** Of the code examples. */
  readonly language?: string;
  /** Of the changes: which refresh, which pages of it, and the page whose diff is shown. */
  readonly generation?: string;
  readonly kind?: PageChange;
  readonly page?: string;
  /** What pages have in their title or address. */
  readonly q?: string;
  readonly missing?: "only";
  /** The folders of the tree that are open, with a bar between them. */
  readonly open?: string;
  /** Of the saved queries: the run whose results are shown. */
  readonly run?: string;
}

export function sourceParams(raw: Raw): SourceParams {
  return {
    ...oneOf("tab", TABS, raw.tab),
    ...text("language", raw.language),
    ...(typeof raw.generation === "string" && /^[1-9]\d{0,14}$/.test(raw.generation) ? { generation: raw.generation } : {}),
    ...oneOf("kind", KINDS, raw.kind),
    ...text("page", raw.page),
    ...text("q", raw.q),
    ...oneOf("missing", { only: true }, raw.missing),
    ...text("open", raw.open),
    ...text("run", raw.run),
  };
}
