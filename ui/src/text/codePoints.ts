// The server counts code points, JavaScript counts UTF-16 units: the way from the one to the other.

import type { Range } from "../wire";

/** The UTF-16 offset of each code point offset. `offsets` may come in any order; those beyond the end give the length. */
export function utf16Offsets(text: string, offsets: readonly number[]): number[] {
  const order = offsets.map((_, index) => index).sort((a, b) => (offsets[a] ?? 0) - (offsets[b] ?? 0));
  const result = new Array<number>(offsets.length).fill(text.length);
  let points = 0;
  let units = 0;
  for (const index of order) {
    const wanted = offsets[index] ?? 0;
    while (points < wanted && units < text.length) {
      units += (text.codePointAt(units) ?? 0) > 0xffff ? 2 : 1;
      points += 1;
    }
    result[index] = units;
  }
  return result;
}

/** Ranges in UTF-16 units: sorted, none empty, none overlapping. */
export function utf16Ranges(text: string, ranges: readonly Range[]): Range[] {
  const flat = utf16Offsets(text, ranges.flat());
  const pairs = ranges.map((_, index): Range => [flat[2 * index] ?? 0, flat[2 * index + 1] ?? 0]);
  const merged: Range[] = [];
  for (const [start, end] of pairs.filter(([a, b]) => b > a).sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last !== undefined && start < last[1]) merged[merged.length - 1] = [last[0], Math.max(last[1], end)];
    else merged.push([start, end]);
  }
  return merged;
}
