// The live client in React: a provider and one hook per thing that can be followed.

import { createContext, type ReactNode, useCallback, useContext, useEffect, useSyncExternalStore } from "react";

import type { Connection, LiveClient } from "./client";
import type { ProgressState } from "./progress";
import type { TasksState } from "./tasks";

const LiveContext = createContext<LiveClient | null>(null);

export function LiveProvider({ client, children }: { client: LiveClient; children: ReactNode }): ReactNode {
  return <LiveContext value={client}>{children}</LiveContext>;
}

export function useLive(): LiveClient {
  const client = useContext(LiveContext);
  if (client === null) throw new Error("useLive needs a LiveProvider above it");
  return client;
}

function useTopic<Value>(topic: string, read: () => Value): Value {
  const client = useLive();
  const subscribe = useCallback((listener: () => void) => client.subscribe(topic, listener), [client, topic]);
  return useSyncExternalStore(subscribe, read);
}

export function useConnection(): Connection {
  const client = useLive();
  return useTopic("connection", () => client.connection);
}

/** The tasks as last heard; follows the list while mounted. */
export function useTasks(): TasksState {
  const client = useLive();
  useEffect(() => client.followTasks(), [client]);
  return useTopic("tasks", () => client.tasks);
}

/** One task with its log; follows it while mounted. Null before the first notice. */
export function useProgress(taskId: string): ProgressState | null {
  const client = useLive();
  useEffect(() => client.follow(taskId), [client, taskId]);
  return useTopic(taskId, () => client.progress(taskId));
}
