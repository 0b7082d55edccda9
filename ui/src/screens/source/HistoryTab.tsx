// The states of a source, newest first: what each brought and saved, why one was refused, and the way back to it.

import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { TONE_CLASS } from "../../components/Bar";
import { ConfirmButton } from "../../components/buttons";
import { InlineError, Loaded } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { More } from "../../components/More";
import { useNow } from "../../components/useNow";
import { activateGeneration, generationsQuery } from "../../data/generations";
import { ago, count, dateAndTime, duration } from "../../text/format";
import { brought, figuresOf, reasonsOf, savedText } from "../../text/generations";
import { GENERATION_FACES } from "../../text/sources";
import { visible } from "../../text/visible";
import type { GenerationShape, SourceShape } from "../../wire";

interface Props {
  readonly source: SourceShape;
  readonly isRunning: boolean;
}

export function HistoryTab({ source, isRunning }: Props): ReactNode {
  const { api } = useApp();
  const query = useInfiniteQuery({ ...generationsQuery(api, source.source_id), refetchInterval: isRunning ? 3_000 : false });
  const generations = query.data?.pages.flatMap((page) => page.items);
  return (
    <div className="tab-body stack">
      <p className="muted sm">
        Each refresh builds a new generation beside the one that is seen, and takes its place when it is whole and no worse. The last
        ones are kept to go back to.
      </p>
      <Loaded query={{ data: generations, error: query.error }}>
        {(items) => (
          <ol className="stack" aria-label="Generations">
            {items.length === 0 ? <li className="card pad muted">Nothing was built yet.</li> : null}
            {items.map((generation) => (
              <Generation key={generation.number} generation={generation} isRunning={isRunning} />
            ))}
          </ol>
        )}
      </Loaded>
      <More query={query} />
    </div>
  );
}

function Generation({ generation, isRunning }: { generation: GenerationShape; isRunning: boolean }): ReactNode {
  const now = useNow(30_000);
  const { number, task_id: taskId, created_at: began, completed_at: ended, is_visible: isVisible } = generation;
  const took = ended === null ? null : duration((Date.parse(ended) - Date.parse(began)) / 1000);
  const changes = brought(generation);
  const saved = savedText(generation);
  return (
    <li className="card pad generation" data-testid="generation" data-number={number}>
      <div className="row">
        <h2 className="num">Generation {count(number)}</h2>
        <Face generation={generation} />
        <span className="muted sm num" title={dateAndTime(began)}>
          {ago(began, now)}
          {took === null ? "" : ` · took ${took}`}
        </span>
        {taskId === "" ? null : (
          <Link className="sm" to="/activity/$taskId" params={{ taskId }}>
            Its task
          </Link>
        )}
        <span className="sp" />
        {isVisible ? null : <Activate generation={generation} isRunning={isRunning} />}
      </div>
      {changes.length === 0 ? null : (
        <ul className="row sm num" aria-label="What it brought">
          {changes.map(({ label, value }) => (
            <li key={label} className="tag">
              {count(value)} {label}
            </li>
          ))}
        </ul>
      )}
      {saved === null ? null : <p className="muted sm num">{saved}</p>}
      <Reasons generation={generation} />
      <Figures generation={generation} />
    </li>
  );
}

function Face({ generation: { state, is_visible: isVisible } }: { generation: GenerationShape }): ReactNode {
  const { label, tone } = isVisible && state === "complete" ? { label: "Seen now", tone: "ok" as const } : GENERATION_FACES[state];
  const icon = tone === "ok" ? "check" : tone === "warn" ? "alert" : tone === "run" ? "busy" : "clock";
  return (
    <span className={`st ${TONE_CLASS[tone]}`}>
      <Icon name={icon} />
      {label}
    </span>
  );
}

function Reasons({ generation }: { generation: GenerationShape }): ReactNode {
  const reasons = reasonsOf(generation);
  if (reasons.length === 0) return null;
  return (
    <div className="refused">
      <b>Why it was refused</b>
      <ul>
        {reasons.map((reason) => (
          <li key={reason}>{visible(reason)}</li>
        ))}
      </ul>
    </div>
  );
}

function Figures({ generation }: { generation: GenerationShape }): ReactNode {
  const figures = figuresOf(generation);
  if (figures.length === 0) return null;
  return (
    <details>
      <summary className="sm">What the gate saw</summary>
      <dl className="gate-figures sm num">
        {figures.map(({ label, value }) => (
          <div key={label}>
            <dt className="muted">{label}</dt>
            <dd>{count(value)}</dd>
          </div>
        ))}
      </dl>
    </details>
  );
}

function Activate({ generation, isRunning }: { generation: GenerationShape; isRunning: boolean }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const { source_id: sourceId, number, state } = generation;
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => activateGeneration(api, sourceId, number),
    onSettled: async () => {
      const stale = [["source", sourceId], ["sources"], ["search"], ["searchCode"], ["page"]];
      await Promise.all(stale.map((queryKey) => queries.invalidateQueries({ queryKey })));
    },
  });
  if (state === "building" || state === "discarded") return null;
  if (isRunning) return <span className="muted sm">can be shown when the refresh has ended</span>;
  const isRefused = state === "rejected";
  return (
    <>
      <InlineError error={error} />
      <ConfirmButton
        label={isRefused ? "Take it all the same" : "Show this one"}
        confirmLabel={isRefused ? "Yes, take it" : "Yes, show it"}
        pendingLabel="Changing…"
        isPending={isPending}
        onConfirm={() => mutate()}
        icon={isRefused ? "check" : "retry"}
        testId="activate"
      />
    </>
  );
}
