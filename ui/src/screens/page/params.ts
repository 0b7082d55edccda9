import { oneOf, type Raw } from "../../params";

export type PageTab = "text" | "code" | "versions" | "about";

const TABS: Readonly<Record<PageTab, true>> = { text: true, code: true, versions: true, about: true };

export interface PageParams {
  readonly tab?: PageTab;
  /** Whether the borders of the chunks are drawn. */
  readonly chunks?: "shown";
  /** Of the text: as this generation had it. Of the versions: the one whose diff is shown. */
  readonly generation?: string;
}

export function pageParams(raw: Raw): PageParams {
  return {
    ...oneOf("tab", TABS, raw.tab),
    ...oneOf("chunks", { shown: true }, raw.chunks),
    ...(typeof raw.generation === "string" && /^[1-9]\d{0,14}$/.test(raw.generation) ? { generation: raw.generation } : {}),
  };
}
