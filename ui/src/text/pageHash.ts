// What the hash of a page's URL points at: a chunk by its id, a range of the page's Markdown, or an anchor of the original.

import type { Range } from "../wire";

export type PageHash =
  | { readonly kind: "none" }
  | { readonly kind: "chunk"; readonly chunkId: string }
  | { readonly kind: "range"; readonly range: Range }
  | { readonly kind: "anchor"; readonly anchor: string };

const ANCHOR = "h:";

export function anchorHash(anchor: string): string {
  return `${ANCHOR}${anchor}`;
}

export function rangeHash(start: number, end: number): string {
  return `c${start}-${end}`;
}

export function readHash(hash: string): PageHash {
  if (hash.startsWith("ch_")) return { kind: "chunk", chunkId: hash };
  if (hash.startsWith(ANCHOR)) return { kind: "anchor", anchor: hash.slice(ANCHOR.length) };
  const [, start, end] = /^c(\d+)-(\d+)$/.exec(hash) ?? [];
  return start === undefined || end === undefined ? { kind: "none" } : { kind: "range", range: [Number(start), Number(end)] };
}
