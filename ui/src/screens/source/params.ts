import { oneOf, type Raw, text } from "../../params";

export type SourceTab = "pages" | "code" | "history" | "queries" | "storage" | "settings";

const TABS: Readonly<Record<SourceTab, true>> = {
  pages: true,
  code: true,
  history: true,
  queries: true,
  storage: true,
  settings: true,
};

export interface SourceParams {
  readonly tab?: SourceTab;
  /** Of the code examples. */
  readonly language?: string;
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
    ...text("q", raw.q),
    ...oneOf("missing", { only: true }, raw.missing),
    ...text("open", raw.open),
    ...text("run", raw.run),
  };
}
