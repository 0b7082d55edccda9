// What a list of hits shows of a passage: the part that has the most of what was looked for.

import type { Range } from "../wire";
import type { Block } from "./passage";
import type { Span } from "./spans";

const SIZE = 320;
/** What is read before the first mark, to know what it is about. */
const LEAD = 80;

/** The range of `content` to show; `marks` in UTF-16 units of it, sorted. */
export function snippetRange(content: string, marks: readonly Range[], size = SIZE): Range {
  if (content.length <= size * 1.25) return [0, content.length];
  const [best = 0] = bestMark(marks, size);
  const from = best <= LEAD ? 0 : Math.min(beginning(content, best), ending(content, content.length - size));
  return [from, Math.min(content.length, ending(content, from + size))];
}

/** The mark that has the most marked text from it on within `size`; the first of equals. */
function bestMark(marks: readonly Range[], size: number): Range | [] {
  let best: Range | [] = [];
  let most = 0;
  for (const [index, mark] of marks.entries()) {
    const within = marks.slice(index).filter(([, end]) => end <= mark[0] + size - LEAD);
    const marked = within.reduce((sum, [start, end]) => sum + end - start, 0);
    if (marked > most) [best, most] = [mark, marked];
  }
  return best;
}

/** The start of the line where it is near, else of a word. */
function beginning(content: string, at: number): number {
  const line = content.lastIndexOf("\n", at) + 1;
  if (at - line <= LEAD) return line;
  const space = content.indexOf(" ", at - LEAD);
  return space < 0 || space >= at ? whole(content, at - LEAD) : space + 1;
}

/** The end of a word. */
function ending(content: string, at: number): number {
  if (at >= content.length) return content.length;
  const space = content.slice(0, at).search(/\s\S*$/);
  return space > at - LEAD ? space : whole(content, at);
}

/** Never between the halves of a character. */
function whole(content: string, at: number): number {
  return /[\udc00-\udfff]/.test(content.charAt(at)) ? at - 1 : at;
}

/** The blocks of a passage as far as they are in the range; what was cut off is told by an ellipsis. */
export function clipped(blocks: readonly Block[], [from, to]: Range): Block[] {
  return blocks
    .map((block) => ({ ...block, spans: block.spans.flatMap((span) => clippedSpan(span, block.start, from, to)) }))
    .filter((block) => block.spans.some((span) => span.text.trim() !== ""))
    .map((block) => withEllipsis(block, from, to));
}

/** A span's start is counted from its block's. */
function clippedSpan(span: Span, base: number, from: number, to: number): Span[] {
  const start = Math.max(base + span.start, from);
  const end = Math.min(base + span.start + span.text.length, to);
  if (end <= start) return [];
  const at = start - base;
  return [{ ...span, start: at, text: span.text.slice(at - span.start, end - base - span.start) }];
}

function withEllipsis(block: Block, from: number, to: number): Block {
  const first = block.spans[0];
  const last = block.spans.at(-1);
  if (block.kind === "code" || first === undefined || last === undefined) return block;
  const isCutBefore = block.start < from && block.start + first.start === from;
  const isCutAfter = block.start + last.start + last.text.length === to && to < block.end;
  const dots = (start: number): Span => ({ text: "…", start, style: null, isMarked: false });
  return {
    ...block,
    spans: [...(isCutBefore ? [dots(-1)] : []), ...block.spans, ...(isCutAfter ? [dots(to - block.start)] : [])],
  };
}
