// Frameworks, and reports of how far sources show that their controls are met.

import { queryOptions } from "@tanstack/react-query";

import type { ComparisonShape, FrameworkPage, FrameworkSummary, ReportPage, ReportRequest, ReportShape, ReportSummary } from "../wire";
import { type Api, at } from "./api";
import { pagedQuery } from "./queryClient";

export const REPORTS_KEY = ["compliance", "reports"] as const;
export const FRAMEWORKS_KEY = ["compliance", "frameworks"] as const;

export function reportKey(reportId: string): readonly string[] {
  return ["compliance", "report", reportId];
}

export const frameworksQuery = (api: Api) =>
  queryOptions({ queryKey: FRAMEWORKS_KEY, queryFn: ({ signal }) => api.get<FrameworkPage>("/compliance/frameworks", {}, signal) });

/** As YAML, or as JSON where the file's name ends so. */
export function addFramework(api: Api, file: File): Promise<FrameworkSummary> {
  const type = file.name.toLowerCase().endsWith(".json") ? "application/json" : "application/yaml";
  return api.postRaw("/compliance/frameworks", file, type);
}

export const reportsQuery = (api: Api, frameworkId: string | undefined) =>
  pagedQuery([...REPORTS_KEY, frameworkId ?? ""], (cursor, signal) =>
    api.get<ReportPage>("/compliance/reports", { framework_id: frameworkId, cursor, limit: 50 }, signal),
  );

export const reportQuery = (api: Api, reportId: string) =>
  queryOptions({
    queryKey: reportKey(reportId),
    queryFn: ({ signal }) => api.get<ReportShape>(at`/compliance/reports/${reportId}`, {}, signal),
  });

/** What changed since another report; undefined: since the last one of the same framework and sources. */
export const comparisonQuery = (api: Api, reportId: string, other: string | undefined) =>
  queryOptions({
    queryKey: [...reportKey(reportId), "compare", other ?? ""],
    queryFn: ({ signal }) => api.get<ComparisonShape>(at`/compliance/reports/${reportId}/compare`, { with: other }, signal),
  });

export function startReport(api: Api, request: ReportRequest, idempotencyKey: string): Promise<ReportSummary> {
  return api.post("/compliance/reports", request, { headers: { "Idempotency-Key": idempotencyKey } });
}

export function cancelReport(api: Api, reportId: string): Promise<ReportSummary> {
  return api.post(at`/compliance/reports/${reportId}/cancel`);
}

export function retryReport(api: Api, reportId: string): Promise<ReportSummary> {
  return api.post(at`/compliance/reports/${reportId}/retry`);
}

export function deleteReport(api: Api, reportId: string): Promise<void> {
  return api.delete(at`/compliance/reports/${reportId}`);
}
