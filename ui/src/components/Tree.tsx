// A tree after the WAI-ARIA pattern: arrow keys open, close and move; Home and End; letters are the browser's.

import { type KeyboardEvent, type ReactNode, useRef, useState } from "react";

import { Icon } from "./Icon";

export interface TreeNode {
  readonly id: string;
  /** What it is called, for the screen reader and for reading. */
  readonly label: ReactNode;
  readonly aside?: ReactNode;
  /** Undefined for a leaf. Empty while they are on their way: `onOpen` asks for them. */
  readonly children?: readonly TreeNode[];
}

interface Props {
  readonly label: string;
  readonly nodes: readonly TreeNode[];
  readonly open: ReadonlySet<string>;
  readonly onToggle: (id: string, isOpen: boolean) => void;
  /** Enter or a click on a leaf. */
  readonly onChoose?: (id: string) => void;
  /** Where given, each node has a checkbox: Space switches it. */
  readonly checks?: { readonly stateOf: (id: string) => boolean | "mixed"; readonly onCheck: (id: string, isOn: boolean) => void };
}

interface Flat {
  readonly node: TreeNode;
  readonly level: number;
  readonly parent: string | null;
}

export function Tree({ label, nodes, open, onToggle, onChoose, checks }: Props): ReactNode {
  const rows = flat(nodes, open, 1, null);
  const [at, setAt] = useState<string | null>(null);
  const tree = useRef<HTMLUListElement>(null);
  const current = rows.some((row) => row.node.id === at) ? at : (rows[0]?.node.id ?? null);
  const focus = (id: string | undefined | null): void => {
    if (id === undefined || id === null) return;
    setAt(id);
    tree.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(id)}"]`)?.focus();
  };
  const act = ({ node }: Flat): void => {
    if (node.children !== undefined) onToggle(node.id, !open.has(node.id));
    else onChoose?.(node.id);
  };
  const press = (event: KeyboardEvent, index: number): void => {
    const row = rows[index];
    if (row === undefined || event.target !== event.currentTarget) return;
    const { node, parent } = row;
    const isOpen = open.has(node.id);
    const moves: Readonly<Record<string, () => void>> = {
      ArrowDown: () => focus(rows[index + 1]?.node.id),
      ArrowUp: () => focus(rows[index - 1]?.node.id),
      Home: () => focus(rows[0]?.node.id),
      End: () => focus(rows.at(-1)?.node.id),
      ArrowRight: () => (node.children === undefined ? undefined : isOpen ? focus(node.children[0]?.id) : onToggle(node.id, true)),
      ArrowLeft: () => (isOpen ? onToggle(node.id, false) : focus(parent)),
      Enter: () => act(row),
      " ": () => (checks === undefined ? act(row) : checks.onCheck(node.id, checks.stateOf(node.id) !== true)),
    };
    const move = moves[event.key];
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  };
  return (
    <ul className="tree" role="tree" aria-label={label} ref={tree}>
      {rows.map((row, index) => {
        const { node, level } = row;
        const checked = checks?.stateOf(node.id);
        return (
          <li
            key={node.id}
            role="treeitem"
            data-id={node.id}
            aria-level={level}
            aria-expanded={node.children === undefined ? undefined : open.has(node.id)}
            aria-checked={checked}
            tabIndex={node.id === current ? 0 : -1}
            style={{ paddingInlineStart: `${(level - 1) * 18}px` }}
            onFocus={(event) => {
              if (event.target === event.currentTarget) setAt(node.id);
            }}
            onKeyDown={(event) => press(event, index)}
          >
            {node.children === undefined ? (
              <span className="twist" />
            ) : (
              <span className="twist" aria-hidden="true" onClick={() => onToggle(node.id, !open.has(node.id))}>
                <Icon name={open.has(node.id) ? "open" : "closed"} />
              </span>
            )}
            {checks === undefined ? null : (
              <span className={`box ${String(checked)}`} aria-hidden="true" onClick={() => checks.onCheck(node.id, checked !== true)}>
                {checked === true ? <Icon name="check" /> : checked === "mixed" ? <Icon name="dash" /> : null}
              </span>
            )}
            <span className="tree-label" onClick={() => act(row)}>
              {node.label}
            </span>
            {node.aside}
          </li>
        );
      })}
    </ul>
  );
}

function flat(nodes: readonly TreeNode[], open: ReadonlySet<string>, level: number, parent: string | null): readonly Flat[] {
  return nodes.flatMap((node) => [
    { node, level, parent },
    ...(node.children !== undefined && open.has(node.id) ? flat(node.children, open, level + 1, node.id) : []),
  ]);
}
