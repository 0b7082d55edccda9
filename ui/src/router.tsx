// The routes. Filters live in the URL as plain text: every view can be linked.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { errorOf, Failure } from "./components/Failure";
import { Heading } from "./components/Heading";
import { Shell } from "./components/Shell";
import { activityParams } from "./screens/activity/params";
import { pageParams } from "./screens/page/params";
import { parseParams } from "./screens/parse/params";
import { parsedParams } from "./screens/parsed/params";
import { queueParams } from "./screens/queue/params";
import { reportParams, reportsParams } from "./screens/reports/params";
import { searchParams } from "./screens/search/params";
import { settingsParams } from "./screens/settings/params";
import { sourceParams } from "./screens/source/params";
import { sourcesParams } from "./screens/sources/params";
import { storiesParams, storyParams } from "./screens/stories/params";
import { taskParams } from "./screens/task/params";
import { groupParams, tracesParams } from "./screens/traces/params";

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
  component: lazyRouteComponent(() => import("./screens/first-run/FirstRun"), "FirstRun"),
});

const activityRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/activity",
  validateSearch: activityParams,
  component: lazyRouteComponent(() => import("./screens/activity/Activity"), "Activity"),
});

const taskRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/activity/$taskId",
  validateSearch: taskParams,
  component: lazyRouteComponent(() => import("./screens/task/TaskDetail"), "TaskDetail"),
});

const sourcesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sources",
  validateSearch: sourcesParams,
  component: lazyRouteComponent(() => import("./screens/sources/Sources"), "Sources"),
});

const sourceRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sources/$sourceId",
  validateSearch: sourceParams,
  component: lazyRouteComponent(() => import("./screens/source/SourceDetail"), "SourceDetail"),
});

const pageRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/sources/$sourceId/pages/$pageId",
  validateSearch: pageParams,
  component: lazyRouteComponent(() => import("./screens/page/PageView"), "PageView"),
});

const searchRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/search",
  validateSearch: searchParams,
  component: lazyRouteComponent(() => import("./screens/search/Search"), "Search"),
});

const queueRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/queue",
  validateSearch: queueParams,
  component: lazyRouteComponent(() => import("./screens/queue/Queue"), "Queue"),
});

const parseRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/parse",
  validateSearch: parseParams,
  component: lazyRouteComponent(() => import("./screens/parse/Parse"), "Parse"),
});

const parsedRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/parse/$taskId",
  validateSearch: parsedParams,
  component: lazyRouteComponent(() => import("./screens/parsed/Parsed"), "Parsed"),
});

const settingsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/settings",
  validateSearch: settingsParams,
  component: lazyRouteComponent(() => import("./screens/settings/Settings"), "Settings"),
});

const tracesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/traces",
  validateSearch: tracesParams,
  component: lazyRouteComponent(() => import("./screens/traces/Traces"), "Traces"),
});

const traceGroupRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/traces/$groupId",
  validateSearch: groupParams,
  component: lazyRouteComponent(() => import("./screens/traces/GroupDetail"), "GroupDetail"),
});

const reportsRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/reports",
  validateSearch: reportsParams,
  component: lazyRouteComponent(() => import("./screens/reports/Reports"), "Reports"),
});

const reportRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/reports/$reportId",
  validateSearch: reportParams,
  component: lazyRouteComponent(() => import("./screens/reports/ReportDetail"), "ReportDetail"),
});

const storiesRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/stories",
  validateSearch: storiesParams,
  component: lazyRouteComponent(() => import("./screens/stories/Stories"), "Stories"),
});

const storyRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: "/stories/$storyId",
  validateSearch: storyParams,
  component: lazyRouteComponent(() => import("./screens/stories/StoryDetail"), "StoryDetail"),
});

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
      queueRoute,
      parseRoute,
      parsedRoute,
      tracesRoute,
      traceGroupRoute,
      reportsRoute,
      reportRoute,
      storiesRoute,
      storyRoute,
      settingsRoute,
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
