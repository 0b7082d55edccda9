// Every URL of a crawl and what became of it, or only the failed ones.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Fragment, type ReactNode, useId } from "react";

import { isFinal } from "../live/tasks";
import { urlsQuery } from "../queries";
import { adviceFor, reasonText } from "../text/failure";
import { count, counted, duration, pathOf } from "../text/format";
import { visible } from "../text/visible";
import type { TaskShape, UrlShape, UrlState } from "../wire";
import { useApp } from "./app";
import { Loaded } from "./Failure";
import { type Commands, RetryFailedButton } from "./taskCommands";

const STATES: Readonly<Record<UrlState, { readonly label: string; readonly tone: string }>> = {
  queued: { label: "Waiting", tone: "" },
  stored: { label: "Stored", tone: "ok" },
  skipped: { label: "Skipped", tone: "" },
  failed: { label: "Failed", tone: "bad" },
};

interface Props {
  readonly task: TaskShape;
  readonly only?: UrlState;
  readonly commands?: Commands;
}

export function UrlList({ task, only, commands }: Props): ReactNode {
  const { api } = useApp();
  const { state } = useSearch({ from: "/activity/$taskId" });
  const shown = only ?? state;
  const query = useInfiniteQuery({
    ...urlsQuery(api, task.task_id, shown),
    refetchInterval: isFinal(task.status) ? false : 3_000,
  });
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <div className="card tab-body">
      <div className="row pad">
        {only === undefined ? <StateFilter /> : null}
        {only === "failed" ? <p className="muted sm">Pages that could not be read. The others are not affected.</p> : null}
        <span className="sp" />
        {commands === undefined ? null : <RetryFailedButton task={task} commands={commands} />}
      </div>
      <Loaded query={{ data: rows, error: query.error }}>
        {(items) =>
          items.length === 0 ? (
            <p className="muted pad">{only === "failed" ? "No page has failed." : "None."}</p>
          ) : (
            <UrlTable items={items} task={task} />
          )
        }
      </Loaded>
      {query.hasNextPage ? (
        <p className="row more pad">
          <button type="button" className="btn" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {query.isFetchingNextPage ? "Loading…" : "Show more"}
          </button>
        </p>
      ) : null}
    </div>
  );
}

function StateFilter(): ReactNode {
  const id = useId();
  const { state } = useSearch({ from: "/activity/$taskId" });
  const navigate = useNavigate({ from: "/activity/$taskId" });
  const choose = (value: string): void => {
    const chosen = Object.hasOwn(STATES, value) ? { state: value as UrlState } : {};
    void navigate({ search: { tab: "pages", ...chosen }, replace: true });
  };
  return (
    <div className="row">
      <label htmlFor={id} className="sm">
        Show
      </label>
      <select id={id} className="in small" value={state ?? ""} onChange={(event) => choose(event.target.value)}>
        <option value="">all</option>
        {Object.entries(STATES).map(([value, { label }]) => (
          <option key={value} value={value}>
            {label.toLowerCase()}
          </option>
        ))}
      </select>
    </div>
  );
}

function UrlTable({ items, task }: { items: readonly UrlShape[]; task: TaskShape }): ReactNode {
  return (
    <ul className="urls" aria-label={counted(items.length, "address", "addresses")}>
      {items.map((row) => (
        <UrlRow key={row.url} row={row} sourceId={task.payload.source_id} />
      ))}
    </ul>
  );
}

function UrlRow({ row, sourceId }: { row: UrlShape; sourceId: unknown }): ReactNode {
  const { label, tone } = STATES[row.state];
  const path = visible(pathOf(row.url));
  return (
    <li data-testid="url-row" data-state={row.state}>
      <span className={`st ${tone}`}>{label}</span>
      <div className="ell">
        {row.page_id !== null && typeof sourceId === "string" ? (
          <Link className="mono" to="/sources/$sourceId/pages/$pageId" params={{ sourceId, pageId: row.page_id }} title={visible(row.url)}>
            {path}
          </Link>
        ) : (
          <span className="mono" title={visible(row.url)}>
            {path}
          </span>
        )}
        <UrlReason row={row} />
      </div>
      <span className="muted num sm facts">
        {factsOf(row).map((fact, index) => (
          <Fragment key={fact}>
            {index > 0 ? " · " : ""}
            {fact}
          </Fragment>
        ))}
      </span>
    </li>
  );
}

function UrlReason({ row }: { row: UrlShape }): ReactNode {
  if (row.reason === null) return null;
  const isFailed = row.state === "failed";
  return (
    <p className="muted sm wrap">
      {row.message === null ? reasonText(row.reason) : visible(row.message)} {isFailed ? adviceFor(row.reason).todo : ""}{" "}
      <code className="xs">{row.reason}</code>
      {row.found_on === null || !isFailed ? null : <span className="xs"> found on {visible(pathOf(row.found_on))}</span>}
    </p>
  );
}

function factsOf(row: UrlShape): string[] {
  const { status_code: status, chunks, code_examples: code, elapsed_seconds: seconds, attempts } = row;
  return [
    status === null ? null : String(status),
    chunks === null ? null : counted(chunks, "chunk"),
    code === null || code === 0 ? null : `${count(code)} code`,
    seconds === null ? null : duration(seconds),
    attempts > 1 ? `${count(attempts)} attempts` : null,
  ].filter((fact) => fact !== null);
}
