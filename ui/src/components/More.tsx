// The button below a listing that has more rows.

import type { ReactNode } from "react";

interface Props {
  readonly query: { readonly hasNextPage: boolean; readonly isFetchingNextPage: boolean; readonly fetchNextPage: (options: { cancelRefetch: boolean }) => Promise<unknown> };
}

export function More({ query }: Props): ReactNode {
  if (!query.hasNextPage) return null;
  return (
    <p className="row more pad">
      <button type="button" className="btn" aria-disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage({ cancelRefetch: false })}>
        {query.isFetchingNextPage ? "Loading…" : "Show more"}
      </button>
    </p>
  );
}
