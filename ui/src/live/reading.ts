// What was read by REST is read again as the line tells that something about it has changed.

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useRef, useSyncExternalStore } from "react";

import type { TaskShape } from "../wire";
import { useConnection, useLive } from "./react";
import { marksOf } from "./tasks";

/** What no task tells of (a decision, a deletion by somebody else) is seen after so long. */
const QUIET_MS = 30_000;
const NO_LINE_MS = 5_000;

/** Marks of these tasks, which are followed meanwhile: differ as soon as one of them tells anything. */
export function useFollowedMarks(taskIds: readonly string[]): string {
  const client = useLive();
  const ids = taskIds.join(" ");
  const subscribe = useCallback(
    (listener: () => void) => {
      const ends = idsIn(ids).flatMap((id) => [client.subscribe(id, listener), client.follow(id)]);
      return () => ends.forEach((end) => end());
    },
    [client, ids],
  );
  return useSyncExternalStore(subscribe, () => marksOf(idsIn(ids).map((id) => client.progress(id)?.task ?? null)));
}

function idsIn(ids: string): readonly string[] {
  return ids.split(" ").filter((id) => id !== "");
}

/** Marks of those tasks of the list that are meant: differ as soon as one comes, goes or tells anything. */
export function useListedMarks(isMeant: (task: TaskShape) => boolean): string {
  const client = useLive();
  const subscribe = useCallback(
    (listener: () => void) => {
      const ends = [client.subscribe("tasks", listener), client.followTasks()];
      return () => ends.forEach((end) => end());
    },
    [client],
  );
  return useSyncExternalStore(subscribe, () => marksOf([...client.tasks.byId.values()].filter(isMeant)));
}

/** Reads again whenever `marks` differ, and after a gap in the line: what was told meanwhile may be past. */
export function useReadWhenTold(queryKey: readonly string[], marks: string, leastMs: number): void {
  const queries = useQueryClient();
  const isLive = useConnection() === "live";
  const wasLive = useRef(isLive);
  const read = useRef({ marks, at: 0 });
  const key = queryKey.join(" ");
  useEffect(() => {
    if (!isLive) {
      if (wasLive.current) read.current = { marks: GAP, at: 0 };
      return;
    }
    wasLive.current = true;
    if (read.current.marks === marks) return;
    const readAgain = (): void => {
      read.current = { marks, at: Date.now() };
      void queries.invalidateQueries({ queryKey: key.split(" ") });
    };
    const timer = setTimeout(readAgain, Math.max(0, read.current.at + leastMs - Date.now()));
    return () => clearTimeout(timer);
  }, [queries, key, isLive, marks, leastMs]);
}

/** No marks are like these. */
const GAP = "?";

interface QuietReading {
  readonly refetchInterval: number;
  readonly staleTime: 0;
}

/** For a query of what the line tells of: read whenever it comes up, since nothing was told to it before, and else seldom; often
 * only while there is no line. */
export function useQuietReading(): QuietReading {
  return { refetchInterval: useConnection() === "live" ? QUIET_MS : NO_LINE_MS, staleTime: 0 };
}
