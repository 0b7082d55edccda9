// The part of a page that is shown around a passage: its section, more of the page where that is short, less where it is long.

import type { Range } from "../wire";

/** Enough to see what a passage is about. */
const ENOUGH = 1_500;
const BEFORE = 2_000;
const AFTER = 2_500;
/** Beyond this a section is not rendered: a table of thousands of rows, say. */
const MOST = 24_000;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/** The range of `markdown` to show around `passage`, always with all of it; null when that would be too much to render.
 * `headings` are where the page's headings begin, ascending. All in UTF-16 units. */
export function sectionAround(markdown: string, headings: readonly number[], [start, end]: Range): Range | null {
  const edges = [0, ...headings, markdown.length];
  let from = edges.findLast((edge) => edge <= start) ?? 0;
  let to = edges.find((edge) => edge >= end && edge > from) ?? markdown.length;
  while (to - from < ENOUGH && to < markdown.length) to = edges.find((edge) => edge > to) ?? markdown.length;
  while (to - from < ENOUGH && from > 0) from = edges.findLast((edge) => edge < from) ?? 0;
  const borders = paragraphStarts(markdown);
  if (start - from > BEFORE) from = nearest(borders, start - BEFORE, start) ?? from;
  if (to - end > AFTER) to = borders.find((border) => border >= end + AFTER) ?? to;
  return to - from > MOST ? null : [from, to];
}

/** The first border in the range, else the last one before it. */
function nearest(borders: readonly number[], least: number, most: number): number | undefined {
  return borders.find((border) => border >= least && border <= most) ?? borders.findLast((border) => border <= most);
}

/** Where a block begins after a blank line, at the left margin and outside of fenced code: to cut there breaks nothing. */
function paragraphStarts(markdown: string): number[] {
  const starts: number[] = [];
  let fence: string | null = null;
  let isAfterBlank = true;
  let offset = 0;
  for (const line of markdown.split("\n")) {
    const run = FENCE.exec(line)?.[1];
    if (fence === null && isAfterBlank && /^\S/.test(line)) starts.push(offset);
    if (run !== undefined && fence === null) fence = run;
    else if (run !== undefined && fence !== null && run.startsWith(fence) && line.trim() === run) fence = null;
    isAfterBlank = line.trim() === "";
    offset += line.length + 1;
  }
  return starts;
}
