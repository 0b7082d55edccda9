// The pages of a source: a tree by path, read branch by branch, or a list where they are filtered.

import { useInfiniteQuery, useQueries, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { useApp } from "../../components/app";
import { InlineError, Loaded } from "../../components/Failure";
import { More } from "../../components/More";
import { Tree } from "../../components/Tree";
import { useNow } from "../../components/useNow";
import { type Branch, branchQuery, pagesQuery } from "../../data/sources";
import { ago, count, counted, pathOf } from "../../text/format";
import { visible } from "../../text/visible";
import type { PageSummary } from "../../wire";
import type { SourceParams } from "./params";
import { isMore, nodesOf } from "./treeNodes";

const FROM = "/sources/$sourceId";
const AT_ONCE = 200;
const REFETCH_MS = 3_000;

interface Props {
  readonly sourceId: string;
  readonly isRunning: boolean;
}

export function PagesTab({ sourceId, isRunning }: Props): ReactNode {
  const { api } = useApp();
  const { q = "", missing } = useSearch({ from: FROM });
  const refetchInterval = isRunning ? REFETCH_MS : false;
  const root = useQuery({ ...branchQuery(api, sourceId, null, AT_ONCE), refetchInterval });
  const lost = missingIn(root.data);
  return (
    <div className="card tab-body">
      <Filters lost={lost} />
      {q === "" && missing === undefined ? (
        <Loaded query={root}>{(branch) => <PageTree sourceId={sourceId} root={branch} refetchInterval={refetchInterval} />}</Loaded>
      ) : (
        <PageList sourceId={sourceId} />
      )}
    </div>
  );
}

function missingIn(branch: Branch | undefined): number {
  if (branch === undefined) return 0;
  const below = branch.folders.reduce((sum, folder) => sum + folder.missing, 0);
  return below + branch.pages.filter((page) => page.missing_since !== null).length;
}

function Filters({ lost }: { lost: number }): ReactNode {
  const params = useSearch({ from: FROM });
  const choose = useChoose();
  return (
    <div className="row page-filters">
      <input
        className="in"
        type="search"
        aria-label="Filter by title or address"
        placeholder="Filter by title or address"
        value={params.q ?? ""}
        onChange={(event) => choose({ q: event.target.value })}
      />
      {lost > 0 || params.missing !== undefined ? (
        <button
          type="button"
          className="chip"
          aria-pressed={params.missing !== undefined}
          onClick={() => choose({ missing: params.missing === undefined ? "only" : undefined })}
        >
          Missing since a refresh <span className="muted num">{count(lost)}</span>
        </button>
      ) : null}
    </div>
  );
}

type Change = { readonly [Name in "q" | "missing" | "open"]?: SourceParams[Name] | undefined };

/** Changes what the URL says of the pages; what is empty is left out. */
function useChoose(): (change: Change) => void {
  const params = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  return (change) => {
    const { q = "", missing, open = "" } = { ...params, ...change };
    const search = { ...(q === "" ? {} : { q }), ...(missing === undefined ? {} : { missing }), ...(open === "" ? {} : { open }) };
    void navigate({ search, replace: true });
  };
}

function PageTree({ sourceId, root, refetchInterval }: { sourceId: string; root: Branch; refetchInterval: number | false }): ReactNode {
  const { api } = useApp();
  const navigate = useNavigate();
  const { open: opened = "" } = useSearch({ from: FROM });
  const choose = useChoose();
  const [most, setMost] = useState<ReadonlyMap<string, number>>(new Map());
  const open = new Set(opened.split("|").filter((path) => path !== ""));
  const asked = [...open, ...((most.get(root.under) ?? 0) > AT_ONCE ? [root.under] : [])];
  const branches = useQueries({
    queries: asked.map((path) => ({ ...branchQuery(api, sourceId, path, most.get(path) ?? AT_ONCE), refetchInterval })),
  });
  const known = new Map<string, Branch>([[root.under, root]]);
  branches.forEach(({ data }, index) => {
    const path = asked[index];
    if (data !== undefined && path !== undefined) known.set(path, data);
  });
  if (root.folders.length === 0 && root.pages.length === 0) {
    return <p className="pad muted">No page is stored yet. They appear here as they come.</p>;
  }
  const toggle = (path: string, isOpen: boolean): void => {
    const next = new Set(open);
    if (isOpen) next.add(path);
    else next.delete(path);
    choose({ open: [...next].join("|") });
  };
  const pick = (id: string): void => {
    const folder = isMore(id);
    if (folder === null) void navigate({ to: "/sources/$sourceId/pages/$pageId", params: { sourceId, pageId: id } });
    else setMost(new Map(most).set(folder, (most.get(folder) ?? AT_ONCE) + AT_ONCE));
  };
  return (
    <div className="page-tree">
      <p className="mono xs muted wrap">{visible(root.under.replace(/^\/\//, ""))}</p>
      <Tree label="Pages by path" nodes={nodesOf(sourceId, root.under, known)} open={open} onToggle={toggle} onChoose={pick} />
      <InlineError error={branches.find(({ error }) => error !== null)?.error ?? null} />
    </div>
  );
}

function PageList({ sourceId }: { sourceId: string }): ReactNode {
  const { api } = useApp();
  const { q, missing } = useSearch({ from: FROM });
  const query = useInfiniteQuery(pagesQuery(api, sourceId, { text: q, isMissing: missing !== undefined }));
  const pages = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <Loaded query={{ data: pages, error: query.error }}>
        {(items) => (
          <>
            <p className="sr" role="status">
              {counted(items.length, "page")}
              {query.hasNextPage ? " and more" : ""}
            </p>
            <ul className="pages" aria-label="Pages">
              {items.length === 0 ? <li className="muted">No page fits. Try a part of its title or of its path.</li> : null}
              {items.map((page) => (
                <Row key={page.page_id} page={page} />
              ))}
            </ul>
          </>
        )}
      </Loaded>
      <More query={query} />
    </>
  );
}

function Row({ page }: { page: PageSummary }): ReactNode {
  const now = useNow(60_000);
  return (
    <li data-testid="page-row">
      <div className="ell">
        <Link to="/sources/$sourceId/pages/$pageId" params={{ sourceId: page.source_id, pageId: page.page_id }}>
          {visible(page.title === "" ? pathOf(page.url) : page.title)}
        </Link>
        <div className="muted xs mono ell">{visible(pathOf(page.url))}</div>
      </div>
      <span className="muted num sm">
        {page.missing_since === null ? null : <span className="tag missing">missing since {ago(page.missing_since, now)}</span>}{" "}
        {counted(page.chars, "character")}
      </span>
    </li>
  );
}
