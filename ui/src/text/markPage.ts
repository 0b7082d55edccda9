// A rehype plugin that marks what a search found in a rendered page. Only where the text is surely the same as in the
// Markdown: a mark on other characters would be worse than none.

import type { Element, ElementContent, Root, Text } from "hast";

import type { Range } from "../wire";

/** Where a block of code keeps its marks: "3-8 12-14", in UTF-16 units of its code. */
export const CODE_MARKS = "dataMarks";

/** `marks` in UTF-16 units of `source`, sorted. */
export function markPage(source: string, marks: readonly Range[]) {
  return (tree: Root): void => {
    if (marks.length > 0) markChildren(tree, source, marks);
  };
}

function markChildren(node: Root | Element, source: string, marks: readonly Range[]): void {
  node.children = node.children.flatMap((child): ElementContent[] => {
    if (child.type === "text") return marked(child, source, marks);
    if (child.type === "doctype") return [];
    if (child.type !== "element") return [child];
    if (child.tagName === "pre") markCode(child, source, marks);
    else markChildren(child, source, marks);
    return [child];
  });
}

/** The text in pieces, those that were found as marks. */
function marked(node: Text, source: string, marks: readonly Range[]): ElementContent[] {
  const base = node.position?.start.offset;
  const end = node.position?.end.offset;
  if (base === undefined || end === undefined) return [node];
  const pieces: ElementContent[] = [];
  let from = 0;
  for (const [start, stop] of rangesIn(node.value, source.slice(base, end), base, marks)) {
    if (start > from) pieces.push({ type: "text", value: node.value.slice(from, start) });
    pieces.push({ type: "element", tagName: "mark", properties: {}, children: [{ type: "text", value: node.value.slice(start, stop) }] });
    from = stop;
  }
  return from === 0 ? [node] : [...pieces, { type: "text", value: node.value.slice(from) }];
}

function markCode(pre: Element, source: string, marks: readonly Range[]): void {
  const code = pre.children[0];
  const [base, end] = [pre.position?.start.offset, pre.position?.end.offset];
  const text = code?.type === "element" ? code.children[0] : undefined;
  if (base === undefined || end === undefined || text?.type !== "text") return;
  const slice = source.slice(base, end);
  const first = slice.indexOf("\n") + 1;
  const found = rangesIn(text.value, slice.slice(first), base + first, marks);
  if (found.length > 0) pre.properties = { ...pre.properties, [CODE_MARKS]: found.map((range) => range.join("-")).join(" ") };
}

export function codeMarksOf(property: unknown): Range[] {
  if (typeof property !== "string") return [];
  return property.split(" ").map((range): Range => {
    const [start = 0, end = 0] = range.split("-").map(Number);
    return [start, end];
  });
}

/** The marks within a value that stands in `slice`, which begins at `base`, as ranges of the value. */
function rangesIn(value: string, slice: string, base: number, marks: readonly Range[]): Range[] {
  const near = marks.filter(([start, end]) => end > base && start < base + slice.length);
  if (near.length === 0) return [];
  const at = positions(value, slice);
  if (at === null) return [];
  return near.flatMap(([start, end]): Range[] => {
    const first = at.findIndex((position) => base + position >= start);
    const after = at.findIndex((position) => base + position >= end);
    const stop = after < 0 ? value.length : after;
    return first < 0 || stop <= first ? [] : [[first, stop]];
  });
}

/** For each character of `value` its place in `slice`; null when they are not the same but for backslashes. */
function positions(value: string, slice: string): number[] | null {
  const whole = slice.indexOf(value);
  if (whole >= 0) return Array.from({ length: value.length }, (_, index) => whole + index);
  const found: number[] = [];
  let at = 0;
  for (let index = 0; index < value.length; index += 1) {
    if (slice[at] === "\\" && slice[at + 1] === value[index]) at += 1;
    if (slice[at] !== value[index]) return null;
    found.push(at);
    at += 1;
  }
  return found;
}
