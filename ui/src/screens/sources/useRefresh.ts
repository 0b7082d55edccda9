// Asks for a refresh. The same click repeated after a lost answer starts no second one: a source has one refresh at a time.

import { useMutation, useQueryClient } from "@tanstack/react-query";

import { useApp } from "../../components/app";
import { refreshSource } from "../../data/sources";
import type { RefreshRequest } from "../../wire";

interface Refresh {
  readonly refresh: (request?: Partial<RefreshRequest>) => void;
  readonly isPending: boolean;
  readonly error: Error | null;
}

export function useRefresh(sourceId: string, onStarted: (taskId: string) => void = () => undefined): Refresh {
  const { api } = useApp();
  const queries = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: (request: Partial<RefreshRequest>) => refreshSource(api, sourceId, request),
    onSuccess: async ({ task_id: taskId }) => {
      onStarted(taskId);
      await Promise.all([["sources"], ["tasks"], ["source", sourceId]].map((queryKey) => queries.invalidateQueries({ queryKey })));
    },
  });
  return { refresh: (request = {}) => mutate(request), isPending, error };
}
