// Every URL of a crawl and what became of it, or only the failed ones.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { isFinal } from "../../live/tasks";
import { urlsQuery } from "../../data/crawls";
import { adviceFor } from "../../text/failure";
import { count, counted, duration, pathOf } from "../../text/format";
import { reasonOf } from "../../text/reasons";
import { nearUrl, ORIGINS, reasonCounts, sameAsText, stateCount, WAYS } from "../../text/urls";
import { visible } from "../../text/visible";
import type { TaskShape, UrlShape, UrlState } from "../../wire";
import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { type Commands, RetryFailedButton } from "../../components/taskCommands";

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
  const search = useSearch({ from: "/activity/$taskId" });
  const filter: Filter = only === undefined ? search : { state: only };
  const query = useInfiniteQuery({
    ...urlsQuery(api, task.task_id, filter.state, filter.reason),
    refetchInterval: isFinal(task.status) ? false : 3_000,
  });
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <div className="card tab-body">
      {only === undefined ? <Filters task={task} rows={rows ?? []} filter={filter} /> : null}
      {only === "failed" ? (
        <div className="row pad">
          <p className="muted sm">Pages that could not be read. The others are not affected.</p>
          <span className="sp" />
          {commands === undefined ? null : <RetryFailedButton task={task} commands={commands} />}
        </div>
      ) : null}
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

interface Filter {
  readonly state?: UrlState;
  readonly reason?: string;
}

/** Chips for states and, below them, for reasons; what the chosen reason means stands beside. */
function Filters({ task, rows, filter }: { task: TaskShape; rows: readonly UrlShape[]; filter: Filter }): ReactNode {
  const navigate = useNavigate({ from: "/activity/$taskId" });
  const choose = (chosen: Filter): void => void navigate({ search: { tab: "pages", ...chosen }, replace: true });
  const states = (Object.keys(STATES) as UrlState[]).filter((state) => state === filter.state || stateCount(task, state) !== 0);
  const reasons = reasonCounts(task, rows, filter);
  return (
    <div className="url-filters pad">
      <div className="row" role="group" aria-label="State">
        <Chip label="All" isOn={filter.state === undefined} onClick={() => choose({})} />
        {states.map((state) => (
          <Chip
            key={state}
            label={STATES[state].label}
            size={stateCount(task, state)}
            isOn={filter.state === state}
            onClick={() => choose({ state })}
          />
        ))}
      </div>
      {reasons.length === 0 ? null : (
        <div className="row" role="group" aria-label="Reason">
          {reasons.map(({ reason, count: size }) => (
            <Chip
              key={reason}
              label={visible(reasonOf(reason).label)}
              title={`${reason}: ${reasonOf(reason).help}`}
              size={size}
              isOn={filter.reason === reason}
              onClick={() => choose(toggled(filter, reason))}
            />
          ))}
        </div>
      )}
      {filter.reason === undefined ? null : (
        <p className="muted sm wrap" data-testid="reason-help">
          {reasonOf(filter.reason).help} <code className="xs">{visible(filter.reason)}</code>
        </p>
      )}
    </div>
  );
}

function toggled({ state, reason: now }: Filter, reason: string): Filter {
  return { ...(state === undefined ? {} : { state }), ...(now === reason ? {} : { reason }) };
}

interface ChipProps {
  readonly label: string;
  readonly title?: string;
  readonly size?: number | null;
  readonly isOn: boolean;
  readonly onClick: () => void;
}

function Chip({ label, title, size = null, isOn, onClick }: ChipProps): ReactNode {
  return (
    <button type="button" className="chip" title={title} aria-pressed={isOn} onClick={onClick}>
      {label} {size === null ? null : <span className="muted num">{count(size)}</span>}
    </button>
  );
}

function UrlTable({ items, task }: { items: readonly UrlShape[]; task: TaskShape }): ReactNode {
  const startUrl = typeof task.payload.url === "string" ? task.payload.url : task.title;
  return (
    <ul className="urls" aria-label={counted(items.length, "address", "addresses")}>
      {items.map((row) => (
        <UrlRow key={row.url} row={row} sourceId={task.payload.source_id} startUrl={startUrl} />
      ))}
    </ul>
  );
}

function UrlRow({ row, sourceId, startUrl }: { row: UrlShape; sourceId: unknown; startUrl: string }): ReactNode {
  const { label, tone } = STATES[row.state];
  const path = visible(nearUrl(row.url, startUrl));
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
        {factsOf(row).join(" · ")} <Way row={row} />
      </span>
    </li>
  );
}

/** How it was found and got, where there is more to say than that a link led to it. */
function Way({ row: { origin, fetched_by: by, lastmod } }: { row: UrlShape }): ReactNode {
  const changed = lastmod === null ? "" : `, which says that it changed on ${lastmod.slice(0, 10)}`;
  return (
    <span className="way">
      <span className="tag" title={`${ORIGINS[origin].help}${changed}.`}>
        {ORIGINS[origin].label}
      </span>
      {by === null ? null : (
        <span className={by === "http" ? "tag" : "tag on"} title={`${WAYS[by].help}.`}>
          {WAYS[by].label}
        </span>
      )}
    </span>
  );
}

function UrlReason({ row }: { row: UrlShape }): ReactNode {
  if (row.reason === null) return null;
  const sameAs = sameAsText(row);
  const isSaid = sameAs === null || row.message?.includes(sameAs) === true;
  const isFailed = row.state === "failed";
  return (
    <p className="muted sm wrap">
      {row.message === null ? reasonOf(row.reason).help : visible(row.message)} {isFailed ? adviceFor(row.reason).todo : ""}{" "}
      <code className="xs">{row.reason}</code>
      {isSaid ? null : <span className="xs"> same as {visible(sameAs)}</span>}
      {row.found_on === null ? null : <span className="xs"> found on {visible(pathOf(row.found_on))}</span>}
    </p>
  );
}

function factsOf(row: UrlShape): string[] {
  const { status_code: status, chunks, code_examples: code, elapsed_seconds: seconds, attempts } = row;
  return [
    status === null ? null : String(status),
    chunks === null ? null : counted(chunks, "chunk"),
    code === null || code === 0 ? null : `${count(code)} code`,
    seconds === null ? null : seconds < 0.1 ? `${Math.round(seconds * 1000)} ms` : duration(seconds),
    attempts > 1 ? `${count(attempts)} attempts` : null,
  ].filter((fact) => fact !== null);
}
