// The frame of every page: navigation, connection, theme, and the dialogs that any page can open.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useLocation, useNavigate } from "@tanstack/react-router";
import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";

import { useTasks } from "../live/react";
import { isFinal } from "../live/tasks";
import { COUNTS_KEY, countsQuery } from "../data/queue";
import { healthQuery } from "../data/server";
import { count } from "../text/format";
import { Announcer } from "./Announcer";
import { NewCrawlContext, useApp } from "./app";
import { ConnectionState, OfflineBanner } from "./ConnectionState";
import { KeyDialog, NewCrawlDialog, ShortcutsDialog } from "./dialogs";
import { Icon } from "./Icon";
import { useShortcut } from "./shortcuts";
import { ThemeSwitch } from "./ThemeSwitch";
import { useKeptFocus } from "./useKeptFocus";

type Open = "none" | "crawl" | "shortcuts";

export function Shell(): ReactNode {
  const [open, setOpen] = useState<Open>("none");
  const newCrawl = useCallback(() => setOpen("crawl"), []);
  const close = useCallback(() => setOpen("none"), []);
  useGlobalShortcuts(setOpen);
  useKeyWhenNeeded();
  useKeptFocus();
  return (
    <NewCrawlContext value={newCrawl}>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <div className="shell">
        <Nav onShortcuts={() => setOpen("shortcuts")} />
        <main id="main" tabIndex={-1}>
          <OfflineBanner />
          <Outlet />
        </main>
      </div>
      <Announcer />
      <KeyDialog />
      <NewCrawlDialog isOpen={open === "crawl"} onClose={close} />
      {open === "shortcuts" ? <ShortcutsDialog onClose={close} /> : null}
    </NewCrawlContext>
  );
}

function useGlobalShortcuts(setOpen: (open: Open) => void): void {
  const navigate = useNavigate();
  useShortcut("c", "New crawl", () => setOpen("crawl"));
  useShortcut("?", "This list", () => setOpen("shortcuts"));
  useShortcut("/", "Search", () => void navigate({ to: "/search" }));
  useShortcut("g s", "Go to search", () => void navigate({ to: "/search" }));
  useShortcut("g o", "Go to sources", () => void navigate({ to: "/sources" }));
  useShortcut("g a", "Go to activity", () => void navigate({ to: "/activity" }));
  useShortcut("g q", "Go to the queue", () => void navigate({ to: "/queue" }));
  useShortcut("g p", "Go to parsed pages", () => void navigate({ to: "/parse" }));
  useShortcut("g t", "Go to traces", () => void navigate({ to: "/traces" }));
  useShortcut("g r", "Go to reports", () => void navigate({ to: "/reports" }));
  useShortcut("g y", "Go to stories", () => void navigate({ to: "/stories" }));
  useShortcut("g e", "Go to settings", () => void navigate({ to: "/settings" }));
}

/** How many tasks failed for good; asked again as soon as another one is heard to fail. */
function useFailedCount(): number {
  const { api } = useApp();
  const queries = useQueryClient();
  const { byId } = useTasks();
  const heard = [...byId.values()].filter((task) => task.status === "failed").length;
  const failed = useQuery(countsQuery(api)).data?.by_status.failed ?? 0;
  useEffect(() => {
    void queries.invalidateQueries({ queryKey: COUNTS_KEY });
  }, [queries, heard]);
  return failed;
}

/** The count is said in the name: some screen readers read name and count as one word. */
function labelOf(name: string, count: string): { readonly "aria-label"?: string } {
  return count === "" ? {} : { "aria-label": `${name} ${count}` };
}

function useKeyWhenNeeded(): void {
  const { api, session } = useApp();
  const needsKey = useQuery(healthQuery(api)).data?.needs_key ?? false;
  useEffect(() => {
    if (needsKey && session.key === null) session.wantKey();
  }, [needsKey, session]);
}

function Nav({ onShortcuts }: { onShortcuts: () => void }): ReactNode {
  const { byId } = useTasks();
  const tasks = [...byId.values()];
  const active = tasks.filter((task) => !isFinal(task.status)).length;
  const failed = useFailedCount();
  const failedText = failed === 0 ? "" : `${count(failed)} failed`;
  const nav = useRef<HTMLElement>(null);
  const pathname = useLocation({ select: (location) => location.pathname });
  useEffect(() => {
    // On a narrow screen the bar scrolls sideways.
    const here = nav.current?.querySelector("[aria-current]");
    here?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [pathname]);
  return (
    <nav className="nav" aria-label="Main" ref={nav}>
      <Link to="/search" className="brand">
        <i aria-hidden="true" />
        gleanery
      </Link>
      <Link to="/search">
        <Icon name="search" />
        Search
      </Link>
      <Link to="/sources">
        <Icon name="sources" />
        Sources
      </Link>
      <Link to="/activity" {...labelOf("Activity", active > 0 ? `${active} active` : "")}>
        <Icon name="activity" />
        Activity{" "}
        {active > 0 ? <span className="n num">{active}</span> : null}
      </Link>
      <Link to="/queue" {...labelOf("Queue", failedText)}>
        <Icon name="queue" />
        Queue{" "}
        {failed > 0 ? <span className="n bad num">{failedText}</span> : null}
      </Link>
      <Link to="/parse">
        <Icon name="parse" />
        <span>
          Parse<span className="if-wide"> page</span>
        </span>
      </Link>
      <Link to="/traces">
        <Icon name="traces" />
        Traces
      </Link>
      <Link to="/reports">
        <Icon name="reports" />
        Reports
      </Link>
      <Link to="/stories">
        <Icon name="stories" />
        Stories
      </Link>
      <Link to="/settings">
        <Icon name="settings" />
        Settings
      </Link>
      <span className="sp" />
      <div className="nav-end">
        <ThemeSwitch />
        <button type="button" className="btn quiet small" onClick={onShortcuts}>
          <kbd>?</kbd> Shortcuts
        </button>
      </div>
      <ConnectionState />
    </nav>
  );
}
