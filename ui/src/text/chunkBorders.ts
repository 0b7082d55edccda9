// A rehype plugin that says where the chunks of a page begin: before the block at which one does, or in the middle of the
// block that was too long for one. What it puts in is an empty span that names the chunk.

import type { Element, ElementContent, Root, RootContent, Text } from "hast";

export interface Border {
  /** In UTF-16 units of the page's Markdown. */
  readonly at: number;
  readonly ordinal: number;
}

const FLOW = new Set(["root", "blockquote", "li", "td", "th", "section"]);

/** `borders` in order; `markdown` is what the tree was made of, and `shift` further on in the page. */
export function markBorders(borders: readonly Border[], markdown: string, shift: number) {
  return (tree: Root): void => {
    if (borders.length === 0) return;
    const marker = new Marker(borders, markdown, shift);
    marker.mark(tree);
    // What begins after the last text: with the signs that end it, say.
    tree.children.push(...marker.upTo(Infinity));
  };
}

class Marker {
  private next = 0;

  constructor(
    private readonly borders: readonly Border[],
    private readonly markdown: string,
    private readonly shift: number,
  ) {}

  mark(parent: Root | Element): void {
    const children = parent.children.flatMap((child): ElementContent[] => {
      const before = this.before(parent, child);
      return [...before, ...this.inside(child)];
    });
    parent.children = children;
  }

  /** Marks of chunks that begin at a child or in what is left out before it. */
  private before(parent: Root | Element, child: RootContent): ElementContent[] {
    const start = child.position?.start.offset;
    if (start === undefined || !FLOW.has(parent.type === "root" ? "root" : parent.tagName)) return [];
    return this.upTo(start);
  }

  private inside(child: RootContent): ElementContent[] {
    if (child.type === "text") return this.text(child);
    if (child.type !== "element") return child.type === "comment" ? [child] : [];
    if (child.tagName === "pre") return this.code(child);
    const start = child.position?.start.offset;
    const own = start !== undefined && (child.tagName === "li" || child.tagName === "tr") ? this.upTo(start) : [];
    this.mark(child);
    if (own.length > 0 && child.tagName === "tr") return [row(own), child];
    child.children.unshift(...own);
    return [child];
  }

  /** Marks of the chunks that begin at this place or before it. */
  upTo(offset: number): Element[] {
    const marks: Element[] = [];
    for (let border = this.borders[this.next]; border !== undefined && border.at - this.shift <= offset; border = this.borders[this.next]) {
      marks.push(markOf(border));
      this.next += 1;
    }
    return marks;
  }

  /** A text with marks in it. Where it has escapes its characters can't be counted, and the mark stands before it. */
  private text(text: Text): ElementContent[] {
    const start = text.position?.start.offset;
    const end = text.position?.end.offset;
    if (start === undefined || end === undefined) return [text];
    const isLiteral = end - start === text.value.length;
    const pieces: ElementContent[] = [];
    let from = 0;
    for (let border = this.borders[this.next]; border !== undefined && border.at - this.shift < end; border = this.borders[this.next]) {
      const to = isLiteral ? Math.max(from, border.at - this.shift - start) : 0;
      if (to > from) pieces.push({ type: "text", value: text.value.slice(from, to) });
      pieces.push(...this.upTo(border.at - this.shift));
      from = to;
    }
    return from === 0 && pieces.length === 0 ? [text] : [...pieces, { type: "text", value: text.value.slice(from) }];
  }

  /** A block of code, cut in two where a chunk begins in it. */
  private code(pre: Element): ElementContent[] {
    const [code] = pre.children;
    const end = pre.position?.end.offset ?? 0;
    const border = this.borders[this.next];
    if (code?.type !== "element" || border === undefined || border.at - this.shift >= end) return [pre];
    const [content] = code.children;
    const start = this.markdown.indexOf("\n", pre.position?.start.offset ?? 0) + 1;
    if (content?.type !== "text" || !this.markdown.startsWith(content.value, start)) return [pre];
    const cuts = this.borders.slice(this.next).map(({ at }) => at - this.shift).filter((at) => at > start && at < start + content.value.length);
    const pieces = [start, ...cuts].map((from, index) => {
      const value = content.value.slice(from - start, (cuts[index] ?? start + content.value.length) - start);
      const part: Element = { ...pre, children: [{ ...code, children: [{ type: "text", value }] }] };
      return [...this.upTo(from), part];
    });
    return pieces.flat();
  }
}

function markOf({ ordinal }: Border): Element {
  return { type: "element", tagName: "span", properties: { "data-chunk": String(ordinal) }, children: [] };
}

function row(marks: ElementContent[]): Element {
  const cell: Element = { type: "element", tagName: "td", properties: { colSpan: 100 }, children: marks };
  return { type: "element", tagName: "tr", properties: {}, children: [cell] };
}
