// A rehype plugin that fits headings below one of the page around them, so that who listens meets no level that skips one.

import type { Element, Root } from "hast";

const HEADING = /^h[1-6]$/;

/** `under` is the level of the heading above. */
export function headingLevels(under: number) {
  return (tree: Root): void => {
    const headings = headingsIn(tree);
    const top = Math.min(...headings.map(levelOf));
    let before = under;
    for (const heading of headings) {
      before = Math.min(6, before + 1, under + 1 + levelOf(heading) - top);
      heading.tagName = `h${before}`;
    }
  };
}

function headingsIn(node: Root | Element): Element[] {
  return node.children.flatMap((child) => {
    if (child.type !== "element") return [];
    return HEADING.test(child.tagName) ? [child] : headingsIn(child);
  });
}

function levelOf({ tagName }: Element): number {
  return Number(tagName[1]);
}
