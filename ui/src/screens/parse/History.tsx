// What was parsed before, the newest first. Kept fresh by the live list; older ones come by REST.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { errorOf, Failure, InlineError } from "../../components/Failure";
import { Loading } from "../../components/Loading";
import { More } from "../../components/More";
import { useNow } from "../../components/useNow";
import { PARSE_TYPE, parseTasksQuery } from "../../data/parses";
import { useTasks } from "../../live/react";
import { merged } from "../../text/activity";
import type { TaskShape } from "../../wire";
import { useRowKeys } from "../queue/useRowKeys";
import { HistoryRow } from "./HistoryRow";

export function History(): ReactNode {
  const { api } = useApp();
  const live = useTasks();
  const query = useInfiniteQuery(parseTasksQuery(api));
  const now = useNow(2_000);
  const list = useRowKeys<HTMLUListElement>();
  const isLoaded = query.data !== undefined;
  const fetched = query.data?.pages.flatMap((page) => page.items) ?? [];
  const tasks = merged(live, fetched).filter(isParse).sort(byAge);
  return (
    <section className="parse-history" aria-labelledby="history">
      <h2 id="history">Parsed before</h2>
      {tasks.length === 0 ? null : (
        <ul className="card parses" ref={list}>
          {tasks.map((task) => (
            <HistoryRow key={task.task_id} task={task} now={now} />
          ))}
        </ul>
      )}
      {isLoaded && tasks.length === 0 ? (
        <p className="card pad muted">
          Nothing yet. Give an address above: the parse shows here, and its page says what can be done on the one that was parsed. Or try it on{" "}
          <Link to="/parse" search={{ url: `${location.origin}/example/` }}>
            the bundled example
          </Link>
          .
        </p>
      ) : null}
      {!isLoaded && query.error !== null ? <Failure error={errorOf(query.error)} /> : null}
      {!isLoaded && query.error === null ? <Loading /> : null}
      {isLoaded ? <InlineError error={query.error} /> : null}
      <More query={query} />
    </section>
  );
}

function isParse(task: TaskShape): boolean {
  return task.task_type === PARSE_TYPE;
}

function byAge(one: TaskShape, other: TaskShape): number {
  return Date.parse(other.created_at) - Date.parse(one.created_at) || other.task_id.localeCompare(one.task_id);
}
