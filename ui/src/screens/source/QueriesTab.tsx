// Saved queries: what they find now and found over time, and their keeping.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ChangeEvent, type ReactNode, useId, useRef, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { Download } from "../../components/Download";
import { InlineError, Loaded } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { More } from "../../components/More";
import { Plot } from "../../components/Plot";
import { evaluate, evaluationQuery, evaluationsQuery, importQueries, savedQueriesQuery } from "../../data/savedQueries";
import { counted, dateAndTime } from "../../text/format";
import { generationMarks, percent, seriesOf } from "../../text/savedQueries";
import type { EvaluationSummary, SavedQueryShape } from "../../wire";
import { QueryDialog } from "./QueryDialog";
import { QueryRow } from "./QueryRow";

const FROM = "/sources/$sourceId";

export function QueriesTab({ sourceId }: { sourceId: string }): ReactNode {
  const { api } = useApp();
  const query = useInfiniteQuery(savedQueriesQuery(api, sourceId));
  const runs = useQuery(evaluationsQuery(api, sourceId));
  const queries = query.data?.pages.flatMap((page) => page.items);
  return (
    <div className="tab-body stack">
      <Tools sourceId={sourceId} hasQueries={queries !== undefined && queries.length > 0} />
      <Loaded query={{ data: queries, error: query.error }}>
        {(items) =>
          items.length === 0 ? (
            <p className="card pad">
              <b>No saved query yet.</b> <span className="muted">Save what people search for here, with the pages that should come up. They
              are run on demand and before each refresh is taken: a refresh that finds clearly less is refused.</span>
            </p>
          ) : (
            <Loaded query={runs}>{(page) => <Kept sourceId={sourceId} queries={items} runs={page.items} />}</Loaded>
          )
        }
      </Loaded>
      <More query={query} />
    </div>
  );
}

function Tools({ sourceId, hasQueries }: { sourceId: string; hasQueries: boolean }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const navigate = useNavigate({ from: FROM });
  const [isAdding, setAdding] = useState(false);
  const run = useMutation({
    mutationFn: () => evaluate(api, sourceId),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["source", sourceId, "evaluations"] });
      await navigate({ search: { tab: "queries" }, replace: true }); // the newest is shown
    },
  });
  return (
    <>
      <div className="row">
        <Button className="btn pri" data-testid="run-queries" isOff={!hasQueries || run.isPending} onClick={() => run.mutate()}>
          <Icon name={run.isPending ? "busy" : "play"} className={run.isPending ? "spin" : ""} />
          {run.isPending ? "Running…" : "Run now"}
        </Button>
        <button type="button" className="btn" data-testid="add-query" onClick={() => setAdding(true)}>
          <Icon name="plus" />
          Save a query
        </button>
        <span className="sp" />
        <ImportLines sourceId={sourceId} />
        {hasQueries ? (
          <Download path={`/sources/${sourceId}/queries.jsonl`} fileName={`${sourceId}-queries.jsonl`} label="Export lines" />
        ) : null}
      </div>
      <InlineError error={run.error} />
      {isAdding ? <QueryDialog sourceId={sourceId} query={null} onClose={() => setAdding(false)} /> : null}
    </>
  );
}

function ImportLines({ sourceId }: { sourceId: string }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const { mutate, isPending, data, error } = useMutation({
    mutationFn: (file: Blob) => importQueries(api, sourceId, file),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["source", sourceId, "queries"] }),
  });
  const choose = (event: ChangeEvent<HTMLInputElement>): void => {
    const file = event.target.files?.[0];
    if (file !== undefined) mutate(file);
    event.target.value = "";
  };
  return (
    <>
      <span className="muted sm" role="status">
        {data === undefined ? "" : `${counted(data.imported, "query", "queries")} taken in.`}
      </span>
      <InlineError error={error} />
      <input ref={input} id={id} className="sr" type="file" accept=".jsonl,.ndjson,.json,.txt" tabIndex={-1} aria-label="File of saved queries, JSON lines" onChange={choose} />
      <Button className="btn" isOff={isPending} onClick={() => input.current?.click()}>
        {isPending ? "Taking them in…" : "Import lines…"}
      </Button>
    </>
  );
}

interface KeptProps {
  readonly sourceId: string;
  readonly queries: readonly SavedQueryShape[];
  /** The newest first. */
  readonly runs: readonly EvaluationSummary[];
}

function Kept({ sourceId, queries, runs }: KeptProps): ReactNode {
  const { run: chosen } = useSearch({ from: FROM });
  const shown = runs.find((run) => run.evaluation_id === chosen) ?? runs[0];
  return (
    <>
      {shown === undefined ? (
        <p className="muted sm">Not run yet. Run now says what each query finds.</p>
      ) : (
        <section className="card pad stack" aria-label="Figures over time">
          <Figures shown={shown} runs={runs} />
          <Plot
            label="Recall at 5 and mean reciprocal rank over time"
            kind="lines"
            top={1}
            format={percent}
            series={seriesOf(runs)}
            marks={generationMarks(runs)}
          />
        </section>
      )}
      <Results sourceId={sourceId} queries={queries} runId={shown?.evaluation_id ?? null} />
    </>
  );
}

function Figures({ shown, runs }: { shown: EvaluationSummary; runs: readonly EvaluationSummary[] }): ReactNode {
  const id = useId();
  const navigate = useNavigate({ from: FROM });
  const { recall_at_5: five, recall_at_10: ten, mrr, queries } = shown;
  const facts = [
    { label: "Recall at 5", value: percent(five) },
    { label: "Recall at 10", value: percent(ten) },
    { label: "Mean reciprocal rank", value: mrr.toFixed(2) },
    { label: "Queries", value: String(queries) },
  ];
  return (
    <div className="row top-line">
      <dl className="sums num">
        {facts.map(({ label, value }) => (
          <div key={label}>
            <dt className="muted sm">{label}</dt>
            <dd>
              <b>{value}</b>
            </dd>
          </div>
        ))}
      </dl>
      <span className="sp" />
      <label htmlFor={id} className="sm muted">
        Results of
      </label>
      <select
        id={id}
        className="in small num"
        value={shown.evaluation_id ?? ""}
        onChange={(event) => {
          const newest = event.target.value === (runs[0]?.evaluation_id ?? "");
          void navigate({ search: { tab: "queries", ...(newest ? {} : { run: event.target.value }) }, replace: true });
        }}
      >
        {runs.map((run) => (
          <option key={run.evaluation_id} value={run.evaluation_id ?? ""}>
            {dateAndTime(run.at)}, generation {run.generation}
          </option>
        ))}
      </select>
    </div>
  );
}

interface ResultsProps {
  readonly sourceId: string;
  readonly queries: readonly SavedQueryShape[];
  readonly runId: string | null;
}

function Results({ sourceId, queries, runId }: ResultsProps): ReactNode {
  const { api } = useApp();
  const run = useQuery({ ...evaluationQuery(api, sourceId, runId ?? ""), enabled: runId !== null });
  const results = new Map(run.data?.results.map((result) => [result.query_id, result]));
  return (
    <>
      <InlineError error={run.error} />
      <ul className="card query-rows" aria-label="Saved queries">
        {queries.map((query) => (
          <QueryRow key={query.query_id} query={query} result={results.get(query.query_id)} />
        ))}
      </ul>
    </>
  );
}
