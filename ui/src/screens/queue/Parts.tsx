// What the tabs of the queue share: a filter by task type, the rest of a listing, what a command on many came to.

import type { ReactNode } from "react";

import { counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { Steered } from "../../wire";

interface ChoicesProps {
  readonly label: string;
  readonly names: readonly string[];
  readonly chosen: string | undefined;
  readonly onChoose: (name: string | undefined) => void;
  readonly countOf?: (name: string) => string;
}

/** One of them or none: a second press takes it back. */
export function Choices({ label, names, chosen, onChoose, countOf }: ChoicesProps): ReactNode {
  const shown = chosen === undefined || names.includes(chosen) ? names : [...names, chosen];
  if (shown.length < 2 && chosen === undefined) return null;
  return (
    <div className="row" role="group" aria-label={label}>
      {shown.map((name) => (
        <button
          key={name}
          type="button"
          className="chip"
          aria-pressed={name === chosen}
          onClick={() => onChoose(name === chosen ? undefined : name)}
        >
          {visible(name)} {countOf === undefined ? null : <span className="num muted">{countOf(name)}</span>}
        </button>
      ))}
    </div>
  );
}

interface MoreProps {
  readonly query: { readonly hasNextPage: boolean; readonly isFetchingNextPage: boolean; readonly fetchNextPage: (options: { cancelRefetch: boolean }) => Promise<unknown> };
}

export function More({ query }: MoreProps): ReactNode {
  if (!query.hasNextPage) return null;
  return (
    <p className="row more">
      <button type="button" className="btn" aria-disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage({ cancelRefetch: false })}>
        {query.isFetchingNextPage ? "Loading…" : "Show more"}
      </button>
    </p>
  );
}

/** What came of a command on many tasks. The region is there before, so that it is read out. */
export function Outcome({ did, steered }: { did: string; steered: Steered | undefined }): ReactNode {
  return (
    <span className="sm" role="status">
      {steered === undefined ? null : outcomeText(did, steered)}
    </span>
  );
}

function outcomeText(did: string, { matched, changed, passed_over: passedOver }: Steered): string {
  if (matched === 0) return "Nothing fitted any more.";
  const over = passedOver === 0 ? "" : `, ${counted(passedOver, "other")} could not be: they had moved on, or wait for a failed task`;
  return `${counted(changed, "task")} ${did}${over}.`;
}
