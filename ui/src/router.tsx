// The routes. Filters live in the URL as plain text: every view can be linked.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { errorOf, Failure } from "./components/Failure";
import { Heading } from "./components/Heading";
import { Shell } from "./components/Shell";
import type { SearchMode, UrlState } from "./wire";

const rootRoute = createRootRoute({
  component: Shell,
  notFoundComponent: NotFound,
  errorComponent: ({ error }: { error: unknown }) => (
    <Failure error={errorOf(error instanceof Error ? error : new Error(String(error)))} />
  ),
});

const firstRunRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/",
  component: lazyRouteComponent(() => import("./routes/FirstRun"), "FirstRun"),
});

export type ActivityFilter = "attention" | "running" | "queued" | "ended";
const FILTERS: Readonly<Record<ActivityFilter, true>> = { attention: true, running: true, queued: true, ended: true };

const activityRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/activity",
  validateSearch: (search: Raw): { q?: string; show?: ActivityFilter } => ({
    ...text("q", search.q),
    ...oneOf("show", FILTERS, search.show),
  }),
  component: lazyRouteComponent(() => import("./routes/Activity"), "Activity"),
});

export type TaskTab = "log" | "pages" | "problems" | "settings";
const TABS: Readonly<Record<TaskTab, true>> = { log: true, pages: true, problems: true, settings: true };
const STATES: Readonly<Record<UrlState, true>> = { queued: true, stored: true, skipped: true, failed: true };

const taskRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/activity/$taskId",
  validateSearch: (search: Raw): { tab?: TaskTab; state?: UrlState; reason?: string } => ({
    ...oneOf("tab", TABS, search.tab),
    ...oneOf("state", STATES, search.state),
    ...text("reason", search.reason),
  }),
  component: lazyRouteComponent(() => import("./routes/TaskDetail"), "TaskDetail"),
});

const sourcesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sources",
  component: lazyRouteComponent(() => import("./routes/Sources"), "Sources"),
});

export type SourceTab = "pages" | "code" | "settings";
const SOURCE_TABS: Readonly<Record<SourceTab, true>> = { pages: true, code: true, settings: true };

const sourceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sources/$sourceId",
  validateSearch: (search: Raw): { tab?: SourceTab; language?: string } => ({
    ...oneOf("tab", SOURCE_TABS, search.tab),
    ...text("language", search.language),
  }),
  component: lazyRouteComponent(() => import("./routes/SourceDetail"), "SourceDetail"),
});

const pageRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sources/$sourceId/pages/$pageId",
  component: lazyRouteComponent(() => import("./routes/PageView"), "PageView"),
});

const MODES: Readonly<Record<SearchMode, true>> = { hybrid: true, vector: true, keyword: true };

const searchRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/search",
  validateSearch: (search: Raw): SearchFilters => ({
    ...text("q", search.q),
    ...oneOf("show", { code: true }, search.show),
    ...oneOf("mode", MODES, search.mode),
    ...text("source", search.source),
    ...text("language", search.language),
    ...text("tag", search.tag),
  }),
  component: lazyRouteComponent(() => import("./routes/Search"), "Search"),
});

export interface SearchFilters {
  readonly q?: string;
  readonly show?: "code";
  readonly mode?: SearchMode;
  readonly source?: string;
  readonly language?: string;
  readonly tag?: string;
}

export function makeRouter() {
  return createRouter({
    routeTree: rootRoute.addChildren([
      firstRunRoute,
      activityRoute,
      taskRoute,
      sourcesRoute,
      sourceRoute,
      pageRoute,
      searchRoute,
    ]),
    defaultPreload: "intent",
    scrollRestoration: true,
    parseSearch: (search) => Object.fromEntries(new URLSearchParams(search)),
    stringifySearch: (search) => {
      const given = Object.entries(search).filter((entry): entry is [string, string] => typeof entry[1] === "string");
      const query = new URLSearchParams(given).toString();
      return query === "" ? "" : `?${query}`;
    },
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}

type Raw = Readonly<Record<string, unknown>>;

function text<Name extends string>(name: Name, value: unknown): { [_ in Name]?: string } {
  return typeof value === "string" && value !== "" ? ({ [name]: value } as { [_ in Name]: string }) : {};
}

function oneOf<Name extends string, Value extends string>(
  name: Name,
  known: Readonly<Record<Value, true>>,
  value: unknown,
): { [_ in Name]?: Value } {
  const isKnown = typeof value === "string" && Object.hasOwn(known, value);
  return isKnown ? ({ [name]: value } as { [_ in Name]: Value }) : {};
}

function NotFound(): ReactNode {
  return (
    <div className="empty">
      <Heading title="Not found">There is no such page</Heading>
      <p className="muted">
        Go to <Link to="/search">Search</Link>, <Link to="/sources">Sources</Link> or <Link to="/activity">Activity</Link>.
      </p>
    </div>
  );
}
