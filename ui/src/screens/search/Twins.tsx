// Passages that say nearly the same as a hit, and were put into it.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { counted, shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { TwinShape } from "../../wire";

export function Twins({ twins }: { twins: readonly TwinShape[] }): ReactNode {
  if (twins.length === 0) return null;
  return (
    <details className="twins" data-testid="twins">
      <summary className="sm">{twinsText(twins.length)}</summary>
      <ul className="sm">
        {twins.map((twin) => (
          <li key={twin.chunk_id}>
            <Link to="/sources/$sourceId/pages/$pageId" params={{ sourceId: twin.source_id, pageId: twin.page_id }} hash={twin.chunk_id}>
              {visible(twin.title === "" ? shortUrl(twin.url) : twin.title)}
            </Link>{" "}
            <span className="muted xs mono wrap">{visible(shortUrl(twin.url))}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}

export function twinsText(number: number): string {
  return `${counted(number, "more passage says", "more passages say")} nearly the same`;
}
