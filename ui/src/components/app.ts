// What every component can reach: the API, the session and the dialog for a new crawl.

import { createContext, useContext } from "react";

import type { Api } from "../data/api";
import type { Session } from "../session";

export interface App {
  readonly api: Api;
  readonly session: Session;
}

export const AppContext = createContext<App | null>(null);

export function useApp(): App {
  const app = useContext(AppContext);
  if (app === null) throw new Error("useApp needs an AppContext above it");
  return app;
}

export const NewCrawlContext = createContext<() => void>(() => undefined);

/** Opens the dialog for a new crawl. */
export function useNewCrawl(): () => void {
  return useContext(NewCrawlContext);
}
