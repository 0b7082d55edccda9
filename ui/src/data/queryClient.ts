// How what was read by REST is kept: how long it is fresh, what is tried again, how listings are paged.

import { infiniteQueryOptions, QueryClient } from "@tanstack/react-query";

import type { Paged } from "../wire";
import { ApiError } from "./api";

const MAX_RETRIES = 2;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        retry: (failures, error) => failures < MAX_RETRIES && error instanceof ApiError && isPassing(error.status),
      },
    },
  });
}

function isPassing(status: number): boolean {
  return status === 0 || status === 429 || status >= 500;
}

/** The query of a listing that is read page by page. */
export function pagedQuery<Item>(
  queryKey: readonly unknown[],
  read: (cursor: string | null, signal: AbortSignal) => Promise<Paged<Item>>,
) {
  return infiniteQueryOptions({
    queryKey,
    queryFn: ({ pageParam, signal }) => read(pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next_cursor,
  });
}
