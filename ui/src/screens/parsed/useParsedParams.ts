// What the URL says of the view, and how it is changed: what is empty is left out of it.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";

import type { ParsedParams } from "./params";

type Change = { readonly [Name in keyof ParsedParams]?: string | undefined };

interface Held {
  readonly params: ParsedParams;
  readonly set: (change: Change) => void;
}

export function useParsedParams(): Held {
  const params = useSearch({ from: "/parse/$taskId" });
  const navigate = useNavigate({ from: "/parse/$taskId" });
  const set = useCallback(
    (change: Change) => {
      const merged = (given: object): object =>
        Object.fromEntries(Object.entries({ ...given, ...change }).filter(([, value]) => typeof value === "string" && value !== ""));
      void navigate({ search: merged, replace: true, resetScroll: false });
    },
    [navigate],
  );
  return { params, set };
}
