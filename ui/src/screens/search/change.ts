// What is asked for is in the URL. Typing and choosing a hit replace it, so that "back" leaves the search as it was found;
// a filter is a step that "back" takes back.

import { useNavigate, useSearch } from "@tanstack/react-router";

import { type SearchParams, searchParams } from "./params";

export type Change = { readonly [Name in keyof SearchParams]?: SearchParams[Name] | undefined };

export function useParamsOf(): SearchParams {
  return useSearch({ from: "/search" });
}

/** Changes some of what is asked for; what is set to undefined goes. Another search begins without a chosen hit. */
export function useChange(): (change: Change, how?: { replace: boolean }) => void {
  const navigate = useNavigate({ from: "/search" });
  return (change, { replace } = { replace: false }) => {
    const search = (held: SearchParams): SearchParams => searchParams({ ...held, hit: undefined, limit: undefined, ...change });
    void navigate({ search, replace, resetScroll: false });
  };
}

/** Chooses a hit. */
export function useChoice(): (hit: string) => void {
  const navigate = useNavigate({ from: "/search" });
  return (hit) => {
    void navigate({ search: (held: SearchParams) => ({ ...held, hit }), replace: true, resetScroll: false });
  };
}
