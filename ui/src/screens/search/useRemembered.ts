// A search that found something and was looked at is remembered.

import { useEffect } from "react";

import { useParamsOf } from "./change";
import { rememberSearch } from "./recent";

const LOOKED_AT_MS = 2_000;

export function useRemembered(isFound: boolean): void {
  const { q = "", hit } = useParamsOf();
  useEffect(() => {
    if (!isFound) return;
    const timer = setTimeout(() => rememberSearch(q), hit === undefined ? LOOKED_AT_MS : 0);
    return () => clearTimeout(timer);
  }, [isFound, q, hit]);
}
