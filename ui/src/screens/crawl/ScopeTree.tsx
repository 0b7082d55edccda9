// The folders that would be taken, each of which can be switched off.

import { type ReactNode, useMemo, useState } from "react";

import { Tree, type TreeNode } from "../../components/Tree";
import { count } from "../../text/format";
import { visible } from "../../text/visible";
import { type Branch, checksOf, type Off, pagesLeft, switched } from "./scope";

interface Props {
  readonly scope: Branch;
  readonly off: Off;
  readonly onSwitch: (off: Off) => void;
}

export function ScopeTree({ scope, off, onSwitch }: Props): ReactNode {
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set([scope.id]));
  const checks = useMemo(() => checksOf(scope, off), [scope, off]);
  const nodes = useMemo(() => [nodeOf(scope, off, scope.pages)], [scope, off]);
  const toggle = (id: string, isOpen: boolean): void => {
    const next = new Set(open);
    if (isOpen) next.add(id);
    else next.delete(id);
    setOpen(next);
  };
  const check = (id: string, isOn: boolean): void => onSwitch(switched(scope, off, id, isOn));
  if (scope.children.length === 0) {
    return (
      <p className="sm wrap">
        All of it lies in <span className="mono">{visible(scope.label)}</span>
      </p>
    );
  }
  return (
    <div>
      <h3 className="sm">Would be taken</h3>
      <p className="muted xs">Switch folders off to leave them out. Keys: arrows move and open, Space switches.</p>
      <div className="scope-tree">
        <Tree
          label="Folders that would be taken"
          nodes={nodes}
          open={open}
          onToggle={toggle}
          onChoose={(id) => check(id, checks.get(id) === false)}
          checks={{ stateOf: (id) => checks.get(id) ?? true, onCheck: check }}
        />
      </div>
    </div>
  );
}

function nodeOf(branch: Branch, off: Off, all: number): TreeNode {
  const isOff = off.has(branch.id);
  const below = isOff ? new Set(branch.children.map((child) => child.id)) : off;
  const node = {
    id: branch.id,
    label: <span className={branch.id.endsWith("/") ? "mono" : "sm"}>{visible(branch.label)}</span>,
    aside: <Pages pages={branch.pages} left={pagesLeft(branch, off)} all={all} />,
  };
  return branch.children.length === 0 ? node : { ...node, children: branch.children.map((child) => nodeOf(child, below, all)) };
}

function Pages({ pages, left, all }: { pages: number; left: number; all: number }): ReactNode {
  return (
    <>
      <span className="track" aria-hidden="true">
        <b className="fill" style={{ transform: `scaleX(${left / Math.max(1, all)})` }} />
      </span>
      <span className="num muted">
        {left === pages ? count(pages) : `${count(left)} of ${count(pages)}`}
        <span className="sr"> pages</span>
      </span>
    </>
  );
}
