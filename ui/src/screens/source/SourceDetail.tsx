// `/sources/:id`: a source's head, its numbers, and a tab for each side of it.

import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { TONE_CLASS } from "../../components/Bar";
import { Download } from "../../components/Download";
import { InlineError, Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Icon } from "../../components/Icon";
import { Loading } from "../../components/Loading";
import { useShortcut } from "../../components/shortcuts";
import { StatusBadge } from "../../components/StatusBadge";
import { Tabs } from "../../components/Tabs";
import { useNow } from "../../components/useNow";
import { sourceQuery } from "../../data/sources";
import { useTasks } from "../../live/react";
import { isFinal } from "../../live/tasks";
import { ago, bytes, count, shortUrl } from "../../text/format";
import { canRefresh, crawlFace, sourceName } from "../../text/sources";
import { safeHref, visible } from "../../text/visible";
import type { SourceShape, TaskShape } from "../../wire";
import { useReadAgain } from "../sources/useReadAgain";
import { useRefresh } from "../sources/useRefresh";
import { CodeTab } from "./CodeTab";
import { DeleteDialog } from "./DeleteDialog";
import { PagesTab } from "./PagesTab";
import type { SourceTab } from "./params";
import "./source.css";

const FROM = "/sources/$sourceId";
const Changes = lazy(async () => ({ default: (await import("./Changes")).Changes }));
const HistoryTab = lazy(async () => ({ default: (await import("./HistoryTab")).HistoryTab }));
const QueriesTab = lazy(async () => ({ default: (await import("./QueriesTab")).QueriesTab }));
const StorageTab = lazy(async () => ({ default: (await import("./StorageTab")).StorageTab }));
const SettingsTab = lazy(async () => ({ default: (await import("./SettingsTab")).SettingsTab }));

export function SourceDetail(): ReactNode {
  const { sourceId } = useParams({ from: FROM });
  const { api } = useApp();
  const { byId } = useTasks();
  const task = [...byId.values()].find((some) => some.payload.source_id === sourceId && !isFinal(some.status));
  useReadAgain(["source", sourceId], task?.task_id ?? "");
  const query = useQuery({ ...sourceQuery(api, sourceId), refetchInterval: task === undefined ? false : 3_000 });
  return <Loaded query={query}>{(source) => <Shown key={sourceId} source={source} task={task} />}</Loaded>;
}

function Shown({ source, task }: { source: SourceShape; task: TaskShape | undefined }): ReactNode {
  const name = visible(sourceName(source));
  return (
    <>
      <div className="head">
        <Link to="/sources" className="sm">
          Sources
        </Link>
        <span className="muted" aria-hidden="true">
          /
        </span>
        <Heading title={name} className="ell">
          {name}
        </Heading>
        <State source={source} task={task} />
        <span className="sp" />
        <Actions source={source} isRunning={task !== undefined} />
      </div>
      <Address source={source} />
      <Facts source={source} />
      <Contents source={source} isRunning={task !== undefined} />
    </>
  );
}

function State({ source: { last_crawl: last }, task }: { source: SourceShape; task: TaskShape | undefined }): ReactNode {
  if (task !== undefined) {
    return (
      <Link to="/activity/$taskId" params={{ taskId: task.task_id }}>
        <StatusBadge task={task} />
        <span className="sr">: follow the task</span>
      </Link>
    );
  }
  if (last === null) return null;
  const { label, tone } = crawlFace(last);
  return (
    <Link to="/activity/$taskId" params={{ taskId: last.task_id }} className={`st ${TONE_CLASS[tone]}`} data-testid="last-crawl">
      <Icon name={tone === "ok" ? "check" : tone === "bad" ? "cross" : tone === "warn" ? "alert" : "slash"} />
      {label}
    </Link>
  );
}

function Actions({ source, isRunning }: { source: SourceShape; isRunning: boolean }): ReactNode {
  const navigate = useNavigate();
  const [isDeleting, setDeleting] = useState(false);
  const { refresh, isPending, error } = useRefresh(source.source_id, (taskId) => void navigate({ to: "/activity/$taskId", params: { taskId } }));
  const mayRefresh = canRefresh(source) && !isRunning;
  useShortcut("r", "Refresh this source", () => {
    if (mayRefresh && !isPending) refresh();
  });
  return (
    <>
      <Link className="btn" to="/search" search={{ source: source.source_id }}>
        <Icon name="search" />
        Search it
      </Link>
      <Download path={`/sources/${source.source_id}/export`} fileName={`${source.source_id}.gleanery.zip`} label="Export" />
      <button type="button" className="btn danger-quiet" data-testid="delete-source" onClick={() => setDeleting(true)}>
        Delete…
      </button>
      {canRefresh(source) ? (
        <Button className="btn pri" data-testid="refresh" isOff={!mayRefresh || isPending} onClick={() => refresh()}>
          <Icon name={isPending ? "busy" : "retry"} className={isPending ? "spin" : ""} />
          {isPending ? "Refreshing…" : isRunning ? "A crawl is running" : "Refresh now"}
        </Button>
      ) : null}
      <InlineError error={error} />
      {isDeleting ? <DeleteDialog source={source} onClose={() => setDeleting(false)} /> : null}
    </>
  );
}

function Address({ source: { url, tags, knowledge_type: kind, description } }: { source: SourceShape }): ReactNode {
  const href = canRefresh({ url }) ? safeHref(url) : null;
  return (
    <div className="source-about">
      <p className="row sm">
        <span className="mono muted wrap">{visible(shortUrl(url))}</span>
        {href === null ? null : (
          <a className="icon-link" href={href} target="_blank" rel="noreferrer noopener" aria-label="Open the site in a new tab">
            <Icon name="external" />
          </a>
        )}
        <span className="tag">{visible(kind)}</span>
        {tags.map((tag) => (
          <Link key={tag} className="tag" to="/sources" search={{ tag }}>
            {visible(tag)}
          </Link>
        ))}
      </p>
      {description === "" ? null : <p className="sm wrap">{visible(description)}</p>}
    </div>
  );
}

function Facts({ source }: { source: SourceShape }): ReactNode {
  const now = useNow(30_000);
  const facts = [
    { label: "Pages", value: count(source.pages), note: `generation ${source.generation}` },
    { label: "Chunks", value: count(source.chunks), note: embeddedNote(source) },
    { label: "Code examples", value: count(source.code_examples), note: undefined },
    { label: "Fetched", value: bytes(source.size_bytes), note: `updated ${ago(source.updated_at, now)}` },
  ];
  return (
    <section className="card kpi" aria-label="In numbers">
      {facts.map(({ label, value, note }) => (
        <div key={label}>
          <span className="muted sm">{label}</span>
          <b className="num">{value}</b>
          {note === undefined ? null : <span className="muted xs num">{note}</span>}
        </div>
      ))}
    </section>
  );
}

function embeddedNote({ chunks, embedded_chunks: embedded }: SourceShape): string {
  if (chunks === 0) return "";
  if (embedded === 0) return "found by words";
  return embedded >= chunks ? "found by words and meaning" : `${count(embedded)} of them by meaning too`;
}

function Contents({ source, isRunning }: { source: SourceShape; isRunning: boolean }): ReactNode {
  const { tab = "pages" } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const tabs: readonly { name: SourceTab; label: string; badge?: ReactNode }[] = [
    { name: "pages", label: "Pages", badge: <span className="muted num">{count(source.pages)}</span> },
    { name: "code", label: "Code", badge: <span className="muted num">{count(source.code_examples)}</span> },
    { name: "changes", label: "Changes" },
    { name: "history", label: "History" },
    { name: "queries", label: "Saved queries" },
    { name: "storage", label: "Storage and cost" },
    { name: "settings", label: "Settings" },
  ];
  const choose = (name: SourceTab): void => void navigate({ search: name === "pages" ? {} : { tab: name }, replace: true });
  return (
    <Tabs label="Contents" tabs={tabs} current={tab} onChoose={choose}>
      <Suspense fallback={<Loading />}>
        <Body tab={tab} source={source} isRunning={isRunning} />
      </Suspense>
    </Tabs>
  );
}

function Body({ tab, source, isRunning }: { tab: SourceTab; source: SourceShape; isRunning: boolean }): ReactNode {
  const sourceId = source.source_id;
  switch (tab) {
    case "pages":
      return <PagesTab sourceId={sourceId} isRunning={isRunning} />;
    case "code":
      return <CodeTab sourceId={sourceId} />;
    case "changes":
      return <Changes sourceId={sourceId} />;
    case "history":
      return <HistoryTab source={source} isRunning={isRunning} />;
    case "queries":
      return <QueriesTab sourceId={sourceId} />;
    case "storage":
      return <StorageTab sourceId={sourceId} />;
    case "settings":
      return <SettingsTab source={source} />;
  }
}
