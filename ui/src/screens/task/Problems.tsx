// What went wrong: failed addresses by reason, each with what helps and a way to try just those again; and the attempts.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Loaded } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { Loading } from "../../components/Loading";
import { type Commands, RetryFailedButton } from "../../components/taskCommands";
import { urlsQuery } from "../../data/crawls";
import { isFinal } from "../../live/tasks";
import { adviceFor } from "../../text/failure";
import { counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { EventShape, TaskShape } from "../../wire";
import { Attempts } from "./Attempts";
import { useUrlCounts } from "./ReasonLinks";
import { UrlTable } from "./UrlList";

/** So many addresses of a reason are shown at once; the list of all is a link away. */
const SHOWN = 5;

interface Props {
  readonly task: TaskShape;
  readonly events: readonly EventShape[];
  readonly commands: Commands;
}

export function Problems({ task, events, commands }: Props): ReactNode {
  return (
    <div className="stack tab-body">
      {task.task_type === "crawl" ? <FailedUrls task={task} commands={commands} /> : null}
      <Attempts task={task} events={events} />
    </div>
  );
}

function FailedUrls({ task, commands }: { task: TaskShape; commands: Commands }): ReactNode {
  const counts = useUrlCounts(task);
  const failed = counts?.reasons.filter((row) => row.state === "failed");
  if (failed === undefined) return <Loading />;
  if (failed.length === 0) {
    return <p className="card pad muted">{isFinal(task.status) ? "No page has failed." : "No page has failed so far."}</p>;
  }
  return (
    <>
      <div className="row">
        <p className="muted sm">
          Pages that could not be read; the others are not affected.
          {isFinal(task.status) ? "" : " They can be tried again when the crawl has ended."}
        </p>
        <span className="sp" />
        {task.status === "completed" ? null : <RetryFailedButton task={task} commands={commands} />}
      </div>
      {failed.map(({ reason, count: size }) => (
        <Group key={reason} task={task} commands={commands} reason={reason} size={size} />
      ))}
    </>
  );
}

interface GroupProps {
  readonly task: TaskShape;
  readonly commands: Commands;
  readonly reason: string;
  readonly size: number;
}

function Group({ task, commands, reason, size }: GroupProps): ReactNode {
  const { api } = useApp();
  const { what, todo } = adviceFor(reason);
  const query = useInfiniteQuery(urlsQuery(api, task.task_id, { state: "failed", reason, text: undefined }, SHOWN));
  return (
    <section className="card problem" aria-label={`Addresses: ${what}`} data-testid="problem" data-reason={reason}>
      <div className="pad row">
        <h3>{what}</h3>
        <span className="n bad num">{counted(size, "address", "addresses")}</span>
        <code className="xs muted">{visible(reason)}</code>
        <span className="sp" />
        {isFinal(task.status) ? <RetryThese commands={commands} reason={reason} what={what} /> : null}
        <p className="wide">
          <b>What you can do.</b> {todo}
        </p>
      </div>
      <Loaded query={{ data: query.data?.pages[0]?.items, error: query.error }}>{(items) => <UrlTable items={items} task={task} isBrief />}</Loaded>
      {size > SHOWN ? (
        <p className="pad sm">
          <Link from="/activity/$taskId" search={{ tab: "pages", state: "failed", reason }}>
            All {counted(size, "address", "addresses")}
          </Link>
        </p>
      ) : null}
    </section>
  );
}

function RetryThese({ commands, reason, what }: { commands: Commands; reason: string; what: string }): ReactNode {
  return (
    <Button
      className="btn small"
      aria-label={`Retry these: ${what}`}
      data-testid="retry-these"
      isOff={commands.isRetrying}
      onClick={() => commands.retry({ only: "failed", reason })}
    >
      <Icon name="retry" />
      {commands.isRetrying ? "Retrying…" : "Retry these"}
    </Button>
  );
}
