// What the URL of `/queue` says, and how it is changed. Filters take the place of the entry in the history, so that Back
// leaves the page; tabs and dialogs are steps to go back from.

import { useNavigate, useSearch } from "@tanstack/react-router";

import type { QueueParams } from "./params";

type Change = { readonly [Name in keyof QueueParams]?: QueueParams[Name] | undefined };

export interface UrlState {
  readonly params: QueueParams;
  readonly filter: (change: Change) => void;
  readonly go: (change: Change) => void;
}

export function useQueueParams(): UrlState {
  const params = useSearch({ from: "/queue" });
  const navigate = useNavigate({ from: "/queue" });
  const change = (next: Change, replace: boolean): void => {
    const given = Object.entries({ ...params, ...next }).filter(([, value]) => value !== undefined && value !== "");
    void navigate({ search: Object.fromEntries(given), replace, resetScroll: false });
  };
  return { params, filter: (next) => change(next, true), go: (next) => change(next, false) };
}
