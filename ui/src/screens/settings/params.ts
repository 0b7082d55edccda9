import { oneOf, type Raw, text } from "../../params";

export type SettingsTab = "server" | "embedder" | "variables" | "browser";

const TABS: Readonly<Record<SettingsTab, true>> = { server: true, embedder: true, variables: true, browser: true };

export interface SettingsParams {
  readonly tab?: SettingsTab;
  /** Only settings with these words. */
  readonly q?: string;
  /** Only those that were set. */
  readonly only?: "set";
}

export function settingsParams(raw: Raw): SettingsParams {
  return { ...oneOf("tab", TABS, raw.tab), ...text("q", raw.q), ...oneOf("only", { set: true }, raw.only) };
}
