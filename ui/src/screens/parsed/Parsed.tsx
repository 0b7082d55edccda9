// `/parse/:id`: one parse. While it runs its steps; then the page that was parsed, or why there is none.

import "./parsed.css";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { type ReactNode, useEffect } from "react";

import { useApp } from "../../components/app";
import { errorOf, Failure, InlineError } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Loading } from "../../components/Loading";
import { StatusBadge } from "../../components/StatusBadge";
import { useTaskCommands } from "../../components/taskCommands";
import { parseQuery } from "../../data/parses";
import { taskQuery } from "../../data/tasks";
import { useConnection, useProgress } from "../../live/react";
import { isFinal } from "../../live/tasks";
import { shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { ParseShape, TaskShape } from "../../wire";
import { Page } from "./Page";
import { ParsedActions } from "./ParsedActions";
import { UnderWay } from "./UnderWay";

const POLL_MS = 5_000;

/** The id may be that of a task, or of a page as it is kept. */
export function Parsed(): ReactNode {
  const { taskId: id } = useParams({ from: "/parse/$taskId" });
  const { api } = useApp();
  const parse = useQuery(parseQuery(api, id));
  if (parse.data !== undefined) return <Followed key={id} id={id} parse={parse.data} />;
  if (parse.error === null) return <Loading />;
  return (
    <div className="empty">
      <Heading title="No such parse">No such parse</Heading>
      <Failure error={errorOf(parse.error)} context={{ id }} />
      <p>
        <Link to="/parse">All parses</Link>
      </p>
    </div>
  );
}

/** The live state of its task, or what REST says while there is no line. */
function Followed({ id, parse }: { id: string; parse: ParseShape }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const progress = useProgress(parse.task_id);
  const isLive = useConnection() === "live";
  const rest = useQuery({ ...taskQuery(api, parse.task_id), refetchInterval: isLive ? false : POLL_MS, enabled: !isFinal(parse.status) || !isLive });
  const live = progress?.task ?? null;
  const task = rest.data !== undefined && rest.data.last_seq > (live?.last_seq ?? -1) ? rest.data : live;
  const isBehind = task !== null && task.status !== parse.status;
  useEffect(() => {
    if (isBehind) void queries.invalidateQueries({ queryKey: ["parse", id], exact: true });
  }, [queries, id, isBehind]);
  const url = parse.page?.navigation.final_url ?? parse.url;
  const title = parse.page?.head.title.trim() ?? "";
  const name = visible(title === "" ? shortUrl(url) : title);
  return (
    <div className="parsed-screen">
      <div className="head task-head">
        <Link to="/parse" className="sm">
          Parse page
        </Link>
        <span className="muted" aria-hidden="true">
          /
        </span>
        <Heading title={name} className="ell">
          {name}
        </Heading>
        {task === null ? null : <Controls task={task} parse={parse} />}
      </div>
      {task === null || parse.page !== null ? null : <UnderWay task={task} parse={parse} events={progress?.events ?? []} />}
      {parse.page === null ? null : <Page id={id} parse={parse} page={parse.page} />}
    </div>
  );
}

function Controls({ task, parse }: { task: TaskShape; parse: ParseShape }): ReactNode {
  const commands = useTaskCommands(task);
  return (
    <>
      <StatusBadge task={task} />
      <span className="sp" />
      <ParsedActions task={task} parse={parse} commands={commands} />
      <InlineError error={commands.error} />
    </>
  );
}
