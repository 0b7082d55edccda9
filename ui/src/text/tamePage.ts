// A rehype plugin for text from crawled pages: images become links, direction controls are spelled out, headings are
// moved below the page's own, blocks get ids to scroll to and the cited ones a class. Of a page in parts, each part has its
// places counted from the page's beginning, and the notes come once, at its end.

import type { Element, ElementContent, Root, Text } from "hast";

import { visible } from "./visible";

export interface Cited {
  readonly start: number;
  readonly end: number;
}

export interface Taming {
  /** In UTF-16 units of the page. */
  readonly cited: Cited | null;
  /** Where the part's first character is in the page. */
  readonly shift: number;
  /** What becomes of the list of notes: it stays, it goes, or it is all that stays. */
  readonly notes: "stay" | "go" | "alone";
  readonly noteNumbers: ReadonlyMap<string, number>;
}

/** Of nested blocks the inner ones are marked, so that a long list is not marked as a whole. */
const BLOCKS = new Set(["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "li", "table"]);
const NOTE_PREFIX = "#page-fn-";

export function headingId(offset: number): string {
  return `at-${offset}`;
}

export function tamePage({ cited, shift, notes, noteNumbers }: Taming) {
  return (tree: Root): void => {
    let isFirst = true;
    const tame = (node: Root | Element, isInLink: boolean): void => {
      node.children = node.children.map((child): ElementContent => {
        if (child.type !== "element") return asText(child);
        if (child.tagName === "img") return imageLink(child, isInLink);
        if (BLOCKS.has(child.tagName)) mark(child);
        tame(child, isInLink || child.tagName === "a");
        if (child.tagName === "a") numberNote(child, noteNumbers);
        if (/^h[1-5]$/.test(child.tagName)) child.tagName = `h${Number(child.tagName[1]) + 1}`;
        return child;
      });
    };
    const mark = (block: Element): void => {
      const start = block.position?.start.offset;
      const end = block.position?.end.offset;
      if (start === undefined || end === undefined) return;
      if (/^h[1-6]$/.test(block.tagName)) block.properties = { ...block.properties, id: headingId(start + shift), tabIndex: -1 };
      if (cited === null || end + shift <= cited.start || start + shift >= cited.end) return;
      if (block.tagName === "li" && block.children.some((child) => child.type === "element" && child.tagName === "p")) return;
      block.properties = { ...block.properties, className: ["cited"], ...(isFirst ? { "data-cited": "first", tabIndex: -1 } : {}) };
      isFirst = false;
    };
    if (notes !== "stay") tree.children = tree.children.filter((child) => isNotes(child) === (notes === "alone"));
    tame(tree, false);
  };
}

function isNotes(node: Root["children"][number]): boolean {
  return node.type === "element" && node.tagName === "section" && node.properties.dataFootnotes !== undefined;
}

/** A reference to a note has the number that the note has on the whole page. */
function numberNote(link: Element, numbers: ReadonlyMap<string, number>): void {
  const { dataFootnoteRef, href } = link.properties;
  if (dataFootnoteRef === undefined || typeof href !== "string" || !href.startsWith(NOTE_PREFIX)) return;
  const number = numbers.get(href.slice(NOTE_PREFIX.length));
  if (number !== undefined) link.children = [{ type: "text", value: String(number) }];
}

/** Raw HTML is shown as what it is: text. */
function asText(node: { type: string; value?: string }): Text {
  return { type: "text", value: node.type === "comment" ? "" : visible(node.value ?? "") };
}

/** An image is not fetched: it would tell its server who reads. Its address is a link, its text the label. */
function imageLink({ properties: { src, alt } }: Element, isInLink: boolean): ElementContent {
  const label: Text = { type: "text", value: `[image${typeof alt === "string" && alt !== "" ? `: ${visible(alt)}` : ""}]` };
  if (isInLink || typeof src !== "string" || src === "") return label;
  return { type: "element", tagName: "a", properties: { href: src, className: ["image"] }, children: [label] };
}
