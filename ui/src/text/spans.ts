// Cuts a text into runs that each have one style: syntax from a highlighter, marks from a search.

import type { Range } from "../wire";

export interface Token {
  readonly start: number;
  readonly end: number;
  readonly style: string;
}

export interface Span {
  readonly text: string;
  /** Where it begins, in UTF-16 units: a key that stays. */
  readonly start: number;
  readonly style: string | null;
  readonly isMarked: boolean;
}

/** Runs of `text`. `tokens` and `marks` are in UTF-16 units, sorted, and don't overlap among themselves. */
export function spansOf(text: string, tokens: readonly Token[], marks: readonly Range[]): Span[] {
  const edges = new Set([0, text.length]);
  for (const { start, end } of tokens) edges.add(start).add(end);
  for (const [start, end] of marks) edges.add(start).add(end);
  const sorted = [...edges].filter((edge) => edge <= text.length).sort((a, b) => a - b);
  const spans: Span[] = [];
  let token = 0;
  let mark = 0;
  sorted.forEach((start, index) => {
    const end = sorted[index + 1];
    if (end === undefined) return;
    while ((tokens[token]?.end ?? Infinity) <= start) token += 1;
    while ((marks[mark]?.[1] ?? Infinity) <= start) mark += 1;
    const isMarked = (marks[mark]?.[0] ?? Infinity) <= start;
    const style = (tokens[token]?.start ?? Infinity) <= start ? (tokens[token]?.style ?? null) : null;
    spans.push({ text: text.slice(start, end), start, style, isMarked });
  });
  return spans;
}
