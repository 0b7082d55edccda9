// Every URL of a crawl and what became of it: filtered by state, reason and text, all of which its own URL says.

import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";

import { useApp } from "../../components/app";
import { Loaded } from "../../components/Failure";
import { useShortcut } from "../../components/shortcuts";
import { type UrlFilter, urlsQuery } from "../../data/crawls";
import { isFinal } from "../../live/tasks";
import { count, counted } from "../../text/format";
import { reasonOf } from "../../text/reasons";
import { reasonChoices } from "../../text/urls";
import { visible } from "../../text/visible";
import type { TaskShape, UrlCounts, UrlShape, UrlState } from "../../wire";
import { useUrlCounts } from "./ReasonLinks";
import { STATES, UrlRow } from "./UrlRow";

const POLL_MS = 3_000;
/** Beyond so many pages of the listing the rows stand still until they are asked for again: each poll reads them all. */
const MOST_POLLED = 2;
const TYPING_MS = 250;

export function UrlList({ task }: { task: TaskShape }): ReactNode {
  const { api } = useApp();
  const { state, reason, q: text } = useSearch({ from: "/activity/$taskId" });
  const filter: UrlFilter = { state, reason, text };
  const query = useInfiniteQuery({
    ...urlsQuery(api, task.task_id, filter),
    placeholderData: keepPreviousData,
    refetchInterval: ({ state: { data } }) => (isFinal(task.status) || (data?.pages.length ?? 0) > MOST_POLLED ? false : POLL_MS),
  });
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <div className="card tab-body">
      <Filters task={task} filter={filter} />
      <div className={query.isPlaceholderData ? "stale" : undefined}>
        <Loaded query={{ data: rows, error: query.error }}>
          {(items) => (items.length === 0 ? <NoRows task={task} filter={filter} /> : <UrlTable items={items} task={task} />)}
        </Loaded>
      </div>
      {query.hasNextPage ? (
        <p className="row more pad">
          <button type="button" className="btn" aria-disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage({ cancelRefetch: false })}>
            {query.isFetchingNextPage ? "Loading…" : "Show more"}
          </button>
        </p>
      ) : null}
    </div>
  );
}

function NoRows({ task, filter }: { task: TaskShape; filter: UrlFilter }): ReactNode {
  const isFiltered = Object.values(filter).some((part) => part !== undefined);
  const isSoon = !isFiltered && !isFinal(task.status);
  return (
    <p className="muted pad">
      {isFiltered ? "No address fits this filter. “All” shows the others." : isSoon ? "No address yet: the first comes when the crawl begins." : "None."}
    </p>
  );
}

function Filters({ task, filter }: { task: TaskShape; filter: UrlFilter }): ReactNode {
  const navigate = useNavigate({ from: "/activity/$taskId" });
  const counts = useUrlCounts(task);
  const choose = ({ state, reason, text }: UrlFilter): void => {
    const search = { ...(state && { state }), ...(reason && { reason }), ...(text && { q: text }) };
    void navigate({ search: { tab: "pages", ...search }, replace: true });
  };
  const { text } = filter;
  return (
    <div className="url-filters pad">
      <div className="row">
        <States filter={filter} counts={counts} onChoose={(state) => choose({ state, text })} />
        <span className="sp" />
        <TextFilter text={text ?? ""} onText={(typed) => choose({ ...filter, text: typed })} />
      </div>
      <Reasons filter={filter} counts={counts} onChoose={(reason) => choose({ ...filter, reason })} />
      {filter.reason === undefined ? null : (
        <p className="muted sm wrap" data-testid="reason-help">
          {reasonOf(filter.reason).help} <code className="xs">{visible(filter.reason)}</code>
        </p>
      )}
    </div>
  );
}

interface ChoiceProps<Value> {
  readonly filter: UrlFilter;
  readonly counts: UrlCounts | undefined;
  readonly onChoose: (value: Value | undefined) => void;
}

function States({ filter, counts, onChoose }: ChoiceProps<UrlState>): ReactNode {
  const states = (Object.keys(STATES) as UrlState[]).filter((state) => state === filter.state || counts?.states[state] !== 0);
  return (
    <div className="row" role="group" aria-label="State">
      <Chip label="All" isOn={filter.state === undefined && filter.reason === undefined} onClick={() => onChoose(undefined)} />
      {states.map((state) => (
        <Chip
          key={state}
          label={STATES[state].label}
          size={counts?.states[state] ?? null}
          isOn={filter.state === state}
          onClick={() => onChoose(state)}
        />
      ))}
    </div>
  );
}

function Reasons({ filter, counts, onChoose }: ChoiceProps<string>): ReactNode {
  const reasons = reasonChoices(counts?.reasons ?? [], filter);
  if (reasons.length === 0) return null;
  return (
    <div className="row" role="group" aria-label="Reason">
      {reasons.map(({ reason, count: size }) => (
        <Chip
          key={reason}
          label={visible(reasonOf(reason).label)}
          title={`${reason}: ${reasonOf(reason).help}`}
          size={size}
          isOn={filter.reason === reason}
          onClick={() => onChoose(filter.reason === reason ? undefined : reason)}
        />
      ))}
    </div>
  );
}

/** The field says at once what is typed; the list follows when the typing pauses. */
function TextFilter({ text, onText }: { text: string; onText: (text: string | undefined) => void }): ReactNode {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  return (
    <input
      type="search"
      className="in small"
      aria-label="Filter by address"
      placeholder="Filter by address"
      defaultValue={text}
      data-testid="url-filter"
      onChange={({ target: { value } }) => {
        clearTimeout(timer.current);
        timer.current = setTimeout(() => onText(value === "" ? undefined : value), TYPING_MS);
      }}
    />
  );
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

interface TableProps {
  readonly items: readonly UrlShape[];
  readonly task: TaskShape;
  readonly isBrief?: boolean;
}

export function UrlTable({ items, task, isBrief = false }: TableProps): ReactNode {
  const list = useRef<HTMLUListElement>(null);
  useRowKeys(list);
  const startUrl = typeof task.payload.url === "string" ? task.payload.url : task.title;
  return (
    <ul ref={list} className="urls" aria-label={counted(items.length, "address", "addresses")}>
      {items.map((row) => (
        <UrlRow key={row.url} row={row} sourceId={task.payload.source_id} startUrl={startUrl} isBrief={isBrief} />
      ))}
    </ul>
  );
}

/** j and k go from row to row, by their first links; Enter follows the one that has the focus, as it always does. */
function useRowKeys(list: { readonly current: HTMLUListElement | null }): void {
  const move = (step: number): void => {
    const rows = [...(list.current?.children ?? [])];
    const at = rows.findIndex((row) => row.contains(document.activeElement));
    const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
    next?.querySelector("a")?.focus();
  };
  useShortcut("j", "Next address", () => move(1));
  useShortcut("k", "Previous address", () => move(-1));
}
