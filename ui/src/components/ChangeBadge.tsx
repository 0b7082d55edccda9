// What became of a page, section or example: sign, word and colour.

import type { ReactNode } from "react";

import type { PageChange, SectionChange } from "../wire";

/** Of an example it is one of the same words. */
type Change = PageChange | SectionChange;

const FACES: Readonly<Record<Change, { readonly sign: string; readonly tone: string }>> = {
  added: { sign: "+", tone: "ok" },
  removed: { sign: "−", tone: "bad" },
  changed: { sign: "±", tone: "run" },
  moved: { sign: "↕", tone: "" },
  renamed: { sign: "→", tone: "" },
};

/** Null: what it was before is not known any more. */
export function ChangeBadge({ change }: { change: Change | null }): ReactNode {
  if (change === null) return <span className="st change">oldest kept</span>;
  const { sign, tone } = FACES[change];
  return (
    <span className={`st change ${tone}`}>
      <span aria-hidden="true" className="mono">
        {sign}
      </span>
      {change}
    </span>
  );
}
