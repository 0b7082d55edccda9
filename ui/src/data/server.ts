// The server itself: how it does.

import { queryOptions } from "@tanstack/react-query";

import type { Health } from "../wire";
import type { Api } from "./api";

export const healthQuery = (api: Api) =>
  queryOptions({ queryKey: ["health"], queryFn: ({ signal }) => api.getRoot<Health>("/health", signal), refetchInterval: 30_000 });
