// The filters that are on, and what to try where nothing was found. Pure.

import { fewerWords, unquoted, without, writtenFilters } from "../../text/typed";
import { visible } from "../../text/visible";
import type { Change } from "./change";
import { MODE_WORDS } from "./modes";
import { joined, listed, type SearchParams } from "./params";

export interface Step {
  readonly label: string;
  readonly change: Change;
}

export const NO_FILTERS: Change = {
  mode: undefined,
  source: undefined,
  tag: undefined,
  kind: undefined,
  language: undefined,
  version: undefined,
  path: undefined,
  typos: undefined,
};

/** Each filter that is on, with the change that takes it away. */
export function filtersOn(params: SearchParams, nameOf: (sourceId: string) => string): Step[] {
  const { mode, source, tag, kind, language, version, path, typos } = params;
  const sources = listed(source);
  const tags = listed(tag);
  const one = (name: string, value: string | undefined, change: Change): Step[] =>
    value === undefined ? [] : [{ label: `${name}: ${visible(value)}`, change }];
  return [
    ...sources.map((id) => ({ label: `Source: ${nameOf(id)}`, change: { source: joined(sources.filter((some) => some !== id)) } })),
    ...tags.map((value) => ({ label: `Tag: ${visible(value)}`, change: { tag: joined(tags.filter((some) => some !== value)) } })),
    ...one("Kind", kind, { kind: undefined }),
    ...one("Language", language, { language: undefined }),
    ...one("Version", version, { version: undefined }),
    ...one("Path", path, { path: undefined }),
    ...(mode === undefined ? [] : [{ label: MODE_WORDS[mode].label, change: { mode: undefined } }]),
    ...(typos === undefined ? [] : [{ label: "Just as typed", change: { typos: undefined } }]),
  ];
}

/** What may help when nothing was found: what keeps hits out comes first. */
export function waysOut(params: SearchParams, nameOf: (sourceId: string) => string): Step[] {
  const { q = "", show, mode } = params;
  const on = filtersOn(params, nameOf).filter(({ change }) => !("mode" in change));
  const written = writtenFilters(q);
  const fewer = fewerWords(q);
  const plain = unquoted(q);
  return [
    ...on.map(({ label, change }) => ({ label: `Without “${label}”`, change })),
    ...(on.length > 1 ? [{ label: "Without any filter", change: NO_FILTERS }] : []),
    ...written.map((part) => ({ label: `Without ${visible(part)}`, change: { q: without(q, part) } })).filter(({ change }) => change.q !== ""),
    ...(plain === q || plain.trim() === "" ? [] : [{ label: "Without the quotes", change: { q: plain } }]),
    ...(mode === undefined || show === "code" ? [] : [{ label: "By words and meaning", change: { mode: undefined } }]),
    ...(fewer === null ? [] : [{ label: `Only “${visible(fewer)}”`, change: { q: fewer } }]),
    show === "code"
      ? { label: "In passages", change: { show: undefined, language: undefined } }
      : { label: "In code examples", change: { show: "code", language: undefined, mode: undefined } },
  ];
}
