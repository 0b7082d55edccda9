// The compact tree of the document, opened branch by branch. An element of the list is chosen by its row.

import { type ReactNode, use, useMemo, useState } from "react";

import { Tree, type TreeNode } from "../../components/Tree";
import { visible } from "../../text/visible";
import type { Node } from "../../wire";
import { PlaceContext } from "./place";

/** The first levels are open. */
const OPEN_LEVELS = 2;
const MOST_TEXT = 80;

export function DomTree({ root }: { root: Node }): ReactNode {
  const { choose } = use(PlaceContext);
  const [open, setOpen] = useState<ReadonlySet<string>>(() => new Set(pathsTo(root, "0", OPEN_LEVELS)));
  const nodes = useMemo(() => [nodeOf(root, "0", open)], [root, open]);
  const toggle = (id: string, isOpen: boolean): void => {
    const next = new Set(open);
    if (isOpen) next.add(id);
    else next.delete(id);
    setOpen(next);
  };
  const chosen = (path: string): void => {
    const id = nodeAt(root, path)?.element_id;
    if (id !== null && id !== undefined) choose(id);
  };
  return (
    <div className="dom-tree">
      <Tree label="Tree of the document" nodes={nodes} open={open} onToggle={toggle} onChoose={chosen} />
    </div>
  );
}

function pathsTo(node: Node, path: string, levels: number): readonly string[] {
  if (levels === 0) return [];
  return [path, ...node.children.flatMap((child, index) => pathsTo(child, `${path}.${index}`, levels - 1))];
}

/** What is closed needs no nodes below it. */
function nodeOf(node: Node, path: string, open: ReadonlySet<string>): TreeNode {
  const label = <Label node={node} />;
  const aside = node.element_id === null ? null : <span className="tag num">{node.element_id}</span>;
  if (node.children.length === 0) return { id: path, label, aside };
  return { id: path, label, aside, children: open.has(path) ? node.children.map((child, index) => nodeOf(child, `${path}.${index}`, open)) : [] };
}

function Label({ node: { tag, role, name, text } }: { node: Node }): ReactNode {
  const said = [name ?? "", text].filter((some) => some !== "").join(" · ");
  return (
    <>
      <code className="xs">{visible(tag)}</code> {role === null ? null : <span className="muted xs">{visible(role)}</span>}{" "}
      <span className="sm">{visible(said.length > MOST_TEXT ? `${said.slice(0, MOST_TEXT)}…` : said)}</span>
    </>
  );
}

function nodeAt(root: Node, path: string): Node | undefined {
  return path
    .split(".")
    .slice(1)
    .reduce<Node | undefined>((node, index) => node?.children[Number(index)], root);
}
