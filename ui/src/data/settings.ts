// What the server was started with, and the backup of all that it keeps.

import { queryOptions } from "@tanstack/react-query";

import type { SettingList } from "../wire";
import type { Api } from "./api";

export const settingsQuery = (api: Api) =>
  queryOptions({
    queryKey: ["settings"],
    queryFn: ({ signal }) => api.get<SettingList>("/settings", {}, signal),
    staleTime: 60_000,
  });
