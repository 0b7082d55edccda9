// Commands on a report: cancel all of its tasks, go on with those that did not complete, remove it.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { DeleteButton, GoOnButton, StopButton } from "../../components/buttons";
import { cancelReport, deleteReport, reportKey, REPORTS_KEY, retryReport } from "../../data/compliance";
import { isFinal } from "../../live/tasks";
import type { ReportShape } from "../../wire";

export interface ReportCommands {
  readonly cancel: () => void;
  readonly retry: () => void;
  readonly remove: () => void;
  /** From the click until its tasks are seen to have ended. */
  readonly isCancelling: boolean;
  readonly isRetrying: boolean;
  readonly isRemoving: boolean;
  readonly error: Error | null;
}

export function useReportCommands(report: ReportShape, isCancelAsked: boolean): ReportCommands {
  const { api } = useApp();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const id = report.report_id;
  const again = { onSettled: () => queries.invalidateQueries({ queryKey: reportKey(id) }) };
  const cancel = useMutation({ mutationFn: () => cancelReport(api, id), ...again });
  const retry = useMutation({ mutationFn: () => retryReport(api, id), ...again });
  const remove = useMutation({
    mutationFn: () => deleteReport(api, id),
    onSuccess: async () => {
      // A list that was read before would show it for a moment.
      queries.removeQueries({ queryKey: REPORTS_KEY, type: "inactive" });
      await navigate({ to: "/reports" });
      queries.removeQueries({ queryKey: reportKey(id) });
      void queries.invalidateQueries({ queryKey: REPORTS_KEY });
    },
  });
  const all = [cancel, retry, remove];
  const begin = (command: (typeof all)[number]): void => {
    // What went wrong with the last command is no news any more.
    for (const each of all) each.reset();
    command.mutate();
  };
  return {
    cancel: () => begin(cancel),
    retry: () => begin(retry),
    remove: () => begin(remove),
    isCancelling: !isFinal(report.status) && (cancel.isPending || cancel.isSuccess || isCancelAsked),
    isRetrying: retry.isPending || (retry.isSuccess && isFinal(report.status) && report.status !== "completed" && retry.data.status !== report.status),
    isRemoving: remove.isPending,
    error: all.find(({ error }) => error !== null)?.error ?? null,
  };
}

interface Props {
  readonly report: ReportShape;
  readonly commands: ReportCommands;
}

export function CancelReport({ report, commands }: Props): ReactNode {
  if (isFinal(report.status)) return null;
  return <StopButton isPending={commands.isCancelling} onConfirm={commands.cancel} />;
}

export function RetryReport({ report, commands }: Props): ReactNode {
  if (report.status !== "failed" && report.status !== "cancelled") return null;
  return <GoOnButton isPending={commands.isRetrying} onClick={commands.retry} />;
}

export function DeleteReport({ report, commands }: Props): ReactNode {
  if (!isFinal(report.status)) return null;
  return <DeleteButton isPending={commands.isRemoving} onConfirm={commands.remove} />;
}
