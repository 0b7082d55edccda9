// The known addresses that a crawl would leave out, by reason, with a few of each.

import type { ReactNode } from "react";

import { count, counted } from "../../text/format";
import { reasonOf } from "../../text/reasons";
import { nearUrl } from "../../text/urls";
import { visible } from "../../text/visible";
import type { PreviewShape } from "../../wire";

export function LeftOut({ found }: { found: PreviewShape }): ReactNode {
  const reasons = Object.entries(found.skipped).sort((a, b) => b[1] - a[1]);
  if (reasons.length === 0) return null;
  const total = reasons.reduce((sum, [, size]) => sum + size, 0);
  return (
    <details className="sm" data-testid="left-out">
      <summary>{counted(total, "known address", "known addresses")} would be left out</summary>
      <ul className="stack fold">
        {reasons.map(([reason, size]) => (
          <li key={reason} className="wrap">
            <b className="num">{count(size)}</b> {visible(reasonOf(reason).label)}{" "}
            <span className="muted">{reasonOf(reason).help}</span>
            <ul className="muted mono xs">
              {(found.examples[reason] ?? []).map((url) => (
                <li key={url} className="ell" title={visible(url)}>
                  {visible(nearUrl(url, found.final_url))}
                </li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </details>
  );
}
