import { oneOf, type Raw, text } from "../../params";
import type { SearchMode } from "../../wire";

const MODES: Readonly<Record<SearchMode, true>> = { hybrid: true, vector: true, keyword: true };

export interface SearchParams {
  readonly q?: string;
  readonly show?: "code";
  readonly mode?: SearchMode;
  readonly source?: string;
  readonly language?: string;
  readonly tag?: string;
}

export function searchParams(raw: Raw): SearchParams {
  return {
    ...text("q", raw.q),
    ...oneOf("show", { code: true }, raw.show),
    ...oneOf("mode", MODES, raw.mode),
    ...text("source", raw.source),
    ...text("language", raw.language),
    ...text("tag", raw.tag),
  };
}
