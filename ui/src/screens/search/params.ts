import { oneOf, type Raw, text } from "../../params";
import type { SearchMode } from "../../wire";

export const MODES: Readonly<Record<SearchMode, true>> = { hybrid: true, vector: true, keyword: true };
export const LIMITS = { "50": true, "100": true } as const;

export interface SearchParams {
  readonly q?: string;
  readonly show?: "code";
  readonly mode?: SearchMode;
  /** Ids of sources, as a list: see `listed`. */
  readonly source?: string;
  /** Tags, as a list. */
  readonly tag?: string;
  readonly kind?: string;
  /** Of pages; where code is shown, of code. */
  readonly language?: string;
  readonly version?: string;
  readonly path?: string;
  /** Words are looked for as they are typed. */
  readonly typos?: "off";
  readonly limit?: keyof typeof LIMITS;
  /** The chosen hit: a chunk's id, or a code example's. */
  readonly hit?: string;
}

export function searchParams(raw: Raw): SearchParams {
  return {
    ...text("q", raw.q),
    ...oneOf("show", { code: true }, raw.show),
    ...oneOf("mode", MODES, raw.mode),
    ...text("source", raw.source),
    ...text("tag", raw.tag),
    ...text("kind", raw.kind),
    ...text("language", raw.language),
    ...text("version", raw.version),
    ...text("path", raw.path),
    ...oneOf("typos", { off: true }, raw.typos),
    ...oneOf("limit", LIMITS, raw.limit),
    ...text("hit", raw.hit),
  };
}

/** Several values in one parameter, between commas; commas of their own are escaped. */
export function joined(values: readonly string[]): string | undefined {
  return values.length === 0 ? undefined : values.map((value) => value.replace(/[%,]/g, encodeURIComponent)).join(",");
}

export function listed(value: string | undefined): string[] {
  return (value ?? "")
    .split(",")
    .filter((part) => part !== "")
    .map((part) => part.replaceAll("%2C", ",").replaceAll("%25", "%"));
}
