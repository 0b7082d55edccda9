// What narrows the list: a group of states, a type, words. All of it is in the URL.

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { taskTypesQuery } from "../../data/tasks";
import { type ActivityGroup, type ActivityWish, GROUP_NAMES } from "../../text/activity";
import { count } from "../../text/format";

interface Props {
  readonly sizes: Readonly<Record<ActivityGroup, number>>;
  /** Whether the server has older tasks than those counted. */
  readonly hasMore: boolean;
}

const GROUPS: readonly ActivityGroup[] = ["attention", "running", "queued", "ended"];

export function Filters({ sizes, hasMore }: Props): ReactNode {
  const { q, show, type } = useSearch({ from: "/activity" });
  const navigate = useNavigate({ from: "/activity" });
  const choose = (wish: { [Name in keyof ActivityWish]: ActivityWish[Name] | undefined }): void => {
    const given = Object.entries({ q, show, type, ...wish }).filter(([, value]) => value !== undefined && value !== "");
    void navigate({ search: Object.fromEntries(given), replace: true, resetScroll: false });
  };
  return (
    <div className="row filters" role="search" aria-label="Filter tasks">
      {GROUPS.map((group) => (
        <button
          key={group}
          type="button"
          className="chip"
          aria-pressed={show === group}
          onClick={() => choose({ show: show === group ? undefined : group })}
        >
          {GROUP_NAMES[group]}{" "}
          <span className="num muted">
            {count(sizes[group])}
            {group === "ended" && hasMore ? "+" : ""}
          </span>
        </button>
      ))}
      <span className="sp" />
      <TypeChoice type={type} onChoose={(chosen) => choose({ type: chosen })} />
      <input
        className="in filter"
        type="search"
        aria-label="Filter by address or status"
        placeholder="Filter by address or status"
        value={q ?? ""}
        onChange={(event) => choose({ q: event.target.value })}
      />
    </div>
  );
}

function TypeChoice({ type, onChoose }: { type: string | undefined; onChoose: (type: string | undefined) => void }): ReactNode {
  const { api } = useApp();
  const known = useQuery(taskTypesQuery(api)).data?.items.map((some) => some.task_type) ?? [];
  const names = type === undefined || known.includes(type) ? known : [...known, type];
  return (
    <select
      className="in small"
      aria-label="Type of task"
      value={type ?? ""}
      onChange={(event) => onChoose(event.target.value === "" ? undefined : event.target.value)}
    >
      <option value="">All types</option>
      {names.map((name) => (
        <option key={name}>{name}</option>
      ))}
    </select>
  );
}
