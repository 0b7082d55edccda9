// Where a page's elements lie on its screenshot: what is drawn, what lies under the pointer, which numbers have room. Pure;
// all in pixels of the page.

import type { Box, InteractiveElement, Size } from "../wire";

export interface Drawn {
  readonly element: InteractiveElement;
  readonly box: Box;
}

/** What a user sees of the page: elements that are visible, have a size and lie on the picture, without what is scrolled out of
 * the boxes around them. */
export function drawnOf(elements: readonly InteractiveElement[], picture: Size): readonly Drawn[] {
  return elements.flatMap((element) => {
    const box = shownBoxOf(element);
    return element.is_visible && box !== null && overlaps(box, { x: 0, y: 0, ...picture }) ? [{ element, box }] : [];
  });
}

/** What the picture shows of an element; null for nothing. */
export function shownBoxOf({ box, shown_box: part }: InteractiveElement): Box | null {
  const shown = part ?? box;
  return shown !== null && shown.width > 0 && shown.height > 0 ? shown : null;
}

/** All boxes as one path: a page may have thousands. */
export function outline(boxes: readonly Box[]): string {
  return boxes.map(({ x, y, width, height }) => `M${x} ${y}h${width}v${height}h${-width}z`).join("");
}

/** The smallest element at a point; of equal ones the last, which is drawn on top. */
export function elementAt(drawn: readonly Drawn[], x: number, y: number): InteractiveElement | null {
  let found: Drawn | null = null;
  for (const each of drawn) {
    if (!holds(each.box, x, y)) continue;
    if (found === null || area(each.box) <= area(found.box)) found = each;
  }
  return found?.element ?? null;
}

function holds({ x, y, width, height }: Box, atX: number, atY: number): boolean {
  return atX >= x && atX <= x + width && atY >= y && atY <= y + height;
}

function area({ width, height }: Box): number {
  return width * height;
}

export function overlaps(one: Box, other: Box): boolean {
  return one.x < other.x + other.width && other.x < one.x + one.width && one.y < other.y + other.height && other.y < one.y + one.height;
}

export interface Label {
  readonly id: string;
  readonly text: string;
  readonly box: Box;
}

const MOST_LABELS = 200;
const LABEL_PX = { height: 11, digit: 5.6, sides: 4 } as const;

/** The numbers of the elements within `view`, as large on the screen at every `scale` (screen pixels for one of the page). Those
 * of `first` come first; where numbers would lie on each other, the later one is left out. */
export function labelsOf(drawn: readonly Drawn[], view: Box, scale: number, first: ReadonlySet<string>): readonly Label[] {
  const seen = drawn.filter(({ box }) => overlaps(box, view));
  const order = [...seen.filter(({ element }) => first.has(element.element_id)), ...seen.filter(({ element }) => !first.has(element.element_id))];
  const labels: Label[] = [];
  for (const { element, box } of order) {
    if (labels.length >= MOST_LABELS) break;
    const label = { id: element.element_id, text: numberOf(element), box: labelBox(box, numberOf(element).length, scale) };
    if (!labels.some((placed) => overlaps(placed.box, label.box))) labels.push(label);
  }
  return labels;
}

/** Within a box that has room for it, else before it. */
function labelBox({ x, y, width, height }: Box, digits: number, scale: number): Box {
  const [wide, high] = [(digits * LABEL_PX.digit + LABEL_PX.sides) / scale, LABEL_PX.height / scale];
  const isRoomy = width > 3 * wide && height > 1.8 * high;
  return { x: isRoomy || x < wide ? x : x - wide, y, width: wide, height: high };
}

/** "4" of the element "e4". */
export function numberOf({ element_id: id }: InteractiveElement): string {
  return id.replace(/^e(?=\d)/, "");
}

/** How far a box has to be scrolled to for being seen: the new start along one axis, or null where it is in view. */
export function scrollFor(start: number, size: number, from: number, length: number): number | null {
  const isSeen = start >= from && start + Math.min(size, length) <= from + length;
  return isSeen ? null : Math.max(0, start - Math.max(0, (length - size) / 2));
}
