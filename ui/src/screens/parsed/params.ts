import { oneOf, type Raw, text } from "../../params";

export type ParsedTab = "elements" | "outline" | "forms" | "tables" | "meaning" | "content" | "incidents" | "json";
export type Zoom = "50" | "100" | "200";

const TABS: Readonly<Record<ParsedTab, true>> = {
  elements: true,
  outline: true,
  forms: true,
  tables: true,
  meaning: true,
  content: true,
  incidents: true,
  json: true,
};
const ZOOMS: Readonly<Record<Zoom, true>> = { "50": true, "100": true, "200": true };

export interface ParsedParams {
  readonly tab?: ParsedTab;
  /** The chosen element. */
  readonly element?: string;
  /** Elements of this role alone. */
  readonly role?: string;
  /** What the elements' words are searched for. */
  readonly q?: string;
  /** Of the screenshot, in percent; absent: as wide as there is room. */
  readonly zoom?: Zoom;
}

export function parsedParams(raw: Raw): ParsedParams {
  return {
    ...oneOf("tab", TABS, raw.tab),
    ...text("element", raw.element),
    ...text("role", raw.role),
    ...text("q", raw.q),
    ...oneOf("zoom", ZOOMS, raw.zoom),
  };
}
