// A named part of a tab, with how many things it holds.

import type { ReactNode } from "react";

import { count } from "../../text/format";

interface Props {
  readonly title: string;
  /** Null where there is nothing to count. */
  readonly size: number | null;
  /** What is said when there are none. */
  readonly none: string;
  readonly children: ReactNode;
}

export function Fold({ title, size, none, children }: Props): ReactNode {
  return (
    <section className="card fold-card" aria-label={title}>
      <h2>
        {title} {size === null ? null : <span className="muted num sm">{count(size)}</span>}
      </h2>
      {size === 0 ? <p className="pad muted sm">{none}</p> : children}
    </section>
  );
}
