// What was read by REST is read again when the tasks that change it begin or end.

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

/** `working` names the tasks that are at it, in any fixed form. */
export function useReadAgain(queryKey: readonly string[], working: string): void {
  const queries = useQueryClient();
  const before = useRef(working);
  const key = JSON.stringify(queryKey);
  useEffect(() => {
    if (before.current === working) return;
    before.current = working;
    void queries.invalidateQueries({ queryKey: JSON.parse(key) as string[] });
  }, [queries, key, working]);
}
