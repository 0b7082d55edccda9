// One source in the list: what it has, how its last crawl went or goes, when it is next refreshed.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Button } from "../../components/buttons";
import { Bar, TONE_CLASS } from "../../components/Bar";
import { InlineError } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { StatusBadge } from "../../components/StatusBadge";
import { adviceFor } from "../../text/failure";
import { ago, bytes, count, counted, shortUrl } from "../../text/format";
import { barOf, pagesText } from "../../text/progress";
import { canRefresh, crawlFace, scheduleText, sourceName, until } from "../../text/sources";
import { visible } from "../../text/visible";
import type { ScheduleShape, SourceShape, TaskShape } from "../../wire";
import { useRefresh } from "./useRefresh";

interface Props {
  readonly source: SourceShape;
  /** The one that works on it now. */
  readonly task: TaskShape | undefined;
  readonly schedule: ScheduleShape | undefined;
  readonly now: number;
}

export function SourceRow({ source, task, schedule, now }: Props): ReactNode {
  const { source_id: sourceId, url, tags } = source;
  const name = visible(sourceName(source));
  return (
    <li data-testid="source-row" data-source-id={sourceId}>
      <div className="source-name">
        <Link className="b ell" data-row to="/sources/$sourceId" params={{ sourceId }} title={name}>
          {name}
        </Link>
        <div className="muted xs mono ell">{visible(shortUrl(url))}</div>
        <div className="tags">
          {source.knowledge_type === "documentation" ? null : <span className="tag">{visible(source.knowledge_type)}</span>}
          {tags.map((tag) => (
            <Link key={tag} className="tag" to="/sources" search={{ tag }} aria-label={`Sources with the tag ${visible(tag)}`}>
              {visible(tag)}
            </Link>
          ))}
        </div>
      </div>
      <div className="source-state">{task === undefined ? <LastCrawl source={source} name={name} /> : <Running task={task} name={name} />}</div>
      <dl className="source-counts num sm">
        <Count label="Pages" value={count(source.pages)} />
        <Count label="Chunks" value={count(source.chunks)} />
        <Count label="Code" value={count(source.code_examples)} />
        <Count label="Size" value={bytes(source.size_bytes)} />
      </dl>
      <div className="muted num sm source-times">
        <div>updated {ago(source.updated_at, now)}</div>
        <div>{nextText(schedule, now)}</div>
      </div>
      <RefreshButton source={source} name={name} isRunning={task !== undefined} />
    </li>
  );
}

function Count({ label, value }: { label: string; value: string }): ReactNode {
  return (
    <div>
      <dt className="muted xs">{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}

function Running({ task, name }: { task: TaskShape; name: string }): ReactNode {
  return (
    <>
      <Link to="/activity/$taskId" params={{ taskId: task.task_id }}>
        <StatusBadge task={task} />
        <span className="sr">: follow the task of {name}</span>
      </Link>
      <Bar {...barOf(task)} label={`Progress of ${name}`} />
      <span className="muted xs num">{task.task_type === "crawl" ? pagesText(task) : ""}</span>
    </>
  );
}

function LastCrawl({ source: { last_crawl: last, pages }, name }: { source: SourceShape; name: string }): ReactNode {
  if (last === null) return <span className="muted sm">{counted(pages, "page")} kept</span>;
  const { label, tone } = crawlFace(last);
  const icon = tone === "ok" ? "check" : tone === "bad" ? "cross" : tone === "warn" ? "alert" : "slash";
  return (
    <>
      <Link
        to="/activity/$taskId"
        params={{ taskId: last.task_id }}
        className={`st ${TONE_CLASS[tone]}`}
        aria-label={`${label}: the last crawl of ${name}`}
        data-testid="last-crawl"
      >
        <Icon name={icon} />
        {label}
      </Link>
      {last.error_code === null || last.status !== "failed" ? null : <span className="muted xs">{adviceFor(last.error_code).what}</span>}
    </>
  );
}

function nextText(schedule: ScheduleShape | undefined, now: number): string {
  if (schedule === undefined) return "refreshed by hand";
  if (schedule.next_at === null) return `${scheduleText(schedule)}, paused`;
  return `next ${until(schedule.next_at, now)}`;
}

function RefreshButton({ source, name, isRunning }: { source: SourceShape; name: string; isRunning: boolean }): ReactNode {
  const { refresh, isPending, error } = useRefresh(source.source_id);
  if (!canRefresh(source)) return <div className="act" />;
  return (
    <div className="act">
      <Button
        className="btn icon quiet"
        data-refresh
        aria-label={isPending ? `Refreshing ${name}` : `Refresh ${name}`}
        title="Refresh"
        isOff={isPending || isRunning}
        onClick={() => refresh()}
      >
        <Icon name={isPending ? "busy" : "retry"} className={isPending ? "spin" : ""} />
      </Button>
      <InlineError error={error} />
    </div>
  );
}
