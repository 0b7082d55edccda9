// A rehype plugin for text from crawled pages: images become links, direction controls are spelled out, headings are
// moved below the page's own, blocks get ids to scroll to and the cited ones a class.

import type { Element, ElementContent, Root, Text } from "hast";

import { visible } from "./visible";

export interface Cited {
  readonly start: number;
  readonly end: number;
}

/** Of nested blocks the inner ones are marked, so that a long list is not marked as a whole. */
const BLOCKS = new Set(["p", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "li", "table"]);

export function headingId(offset: number): string {
  return `at-${offset}`;
}

export function tamePage(cited: Cited | null) {
  return (tree: Root): void => {
    let isFirst = true;
    const tame = (node: Root | Element, isInLink: boolean): void => {
      node.children = node.children.map((child): ElementContent => {
        if (child.type !== "element") return asText(child);
        if (child.tagName === "img") return imageLink(child, isInLink);
        if (BLOCKS.has(child.tagName)) mark(child);
        tame(child, isInLink || child.tagName === "a");
        if (/^h[1-5]$/.test(child.tagName)) child.tagName = `h${Number(child.tagName[1]) + 1}`;
        return child;
      });
    };
    const mark = (block: Element): void => {
      const start = block.position?.start.offset;
      const end = block.position?.end.offset;
      if (start === undefined || end === undefined) return;
      if (/^h[1-6]$/.test(block.tagName)) block.properties = { ...block.properties, id: headingId(start), tabIndex: -1 };
      if (cited === null || end <= cited.start || start >= cited.end) return;
      if (block.tagName === "li" && block.children.some((child) => child.type === "element" && child.tagName === "p")) return;
      block.properties = { ...block.properties, className: ["cited"], ...(isFirst ? { "data-cited": "first", tabIndex: -1 } : {}) };
      isFirst = false;
    };
    tame(tree, false);
  };
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
