import { oneOf, type Raw, text } from "../../params";

export type SourceTab = "pages" | "code" | "settings";

const TABS: Readonly<Record<SourceTab, true>> = { pages: true, code: true, settings: true };

export interface SourceParams {
  readonly tab?: SourceTab;
  readonly language?: string;
}

export function sourceParams(raw: Raw): SourceParams {
  return { ...oneOf("tab", TABS, raw.tab), ...text("language", raw.language) };
}
