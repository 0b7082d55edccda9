// What makes the vectors: the model in use, the one that is being built, and the change to another.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Bar } from "../../components/Bar";
import { ConfirmButton } from "../../components/buttons";
import { InlineError, Loaded } from "../../components/Failure";
import { embedderQuery, giveUpEmbedder } from "../../data/embedder";
import { coverage, coverageText, KIND_NAMES } from "../../text/embedder";
import { count, dateAndTime } from "../../text/format";
import { visible } from "../../text/visible";
import type { BuildingShape, EmbedderShape, ModelShape } from "../../wire";
import { EmbedderChange } from "./EmbedderChange";
import { RefusedTexts } from "./RefusedTexts";

export function EmbedderTab(): ReactNode {
  const { api } = useApp();
  const query = useQuery(embedderQuery(api));
  return <Loaded query={query}>{(embedder) => <Shown embedder={embedder} />}</Loaded>;
}

function Shown({ embedder }: { embedder: EmbedderShape }): ReactNode {
  const { active, building, previous, problem } = embedder;
  return (
    <>
      {problem === null ? null : (
        <p className="card fail warn" role="status">
          <b>Search finds by words alone.</b> {visible(problem)}
        </p>
      )}
      {building === null ? null : <Building model={building} />}
      {active === null ? (
        <p className="card pad muted">No embedder is in use: search finds by words. Choose one below.</p>
      ) : (
        <Model model={active} title="In use" />
      )}
      {previous === null ? null : <Model model={previous} title="Before that" />}
      <EmbedderChange embedder={embedder} />
    </>
  );
}

function Model({ model, title }: { model: ModelShape; title: string }): ReactNode {
  const isNone = model.options.kind === "none";
  return (
    <section className="card pad stack" aria-label={title} data-testid="embedder-model">
      <div className="row">
        <h2>{title}</h2>
        <span className="mono wrap">{visible(model.model)}</span>
        <span className="muted sm">{KIND_NAMES[model.options.kind]}</span>
      </div>
      {isNone ? null : (
        <>
          <div>
            <p className="sm num">{coverageText(model)}</p>
            <Bar value={coverage(model)} tone={model.failed > 0 ? "warn" : "ok"} text={coverageText(model)} label="Texts with a vector" />
          </div>
          <Usage model={model} />
          {model.failures.length === 0 ? null : <RefusedTexts model={model} isActive={title === "In use"} />}
        </>
      )}
    </section>
  );
}

function Usage({ model }: { model: ModelShape }): ReactNode {
  const since = model.activated_at ?? model.created_at;
  const { texts = 0, tokens = 0, requests = 0 } = model.usage;
  return (
    <p className="muted sm num">
      Since {dateAndTime(since)}: {count(texts)} texts embedded, {count(tokens)} tokens, {count(requests)} requests
    </p>
  );
}

function Building({ model }: { model: BuildingShape }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const giveUp = useMutation({
    mutationFn: () => giveUpEmbedder(api),
    onSettled: () => queries.invalidateQueries({ queryKey: ["embedder"] }),
  });
  const text = `${count(model.done)} of ${count(model.total)} texts`;
  return (
    <section className="card pad stack" aria-label="Being built" data-testid="embedder-building">
      <div className="row">
        <h2>Being built</h2>
        <span className="mono wrap">{visible(model.model)}</span>
        <span className="sp" />
        <ConfirmButton
          label="Stay with the present one"
          confirmLabel="Yes, give it up"
          pendingLabel="Giving it up…"
          isPending={giveUp.isPending}
          onConfirm={() => giveUp.mutate()}
          icon="stop"
          testId="give-up"
        />
      </div>
      <div>
        <p className="sm num">{text} · search goes by the present one until all are through</p>
        <Bar
          value={model.total === 0 ? null : (100 * model.done) / model.total}
          tone="run"
          text={text}
          label={`Vectors of ${visible(model.model)}`}
        />
      </div>
      {model.task_ids.length === 0 ? null : (
        <ul className="row sm" aria-label="Its tasks">
          {model.task_ids.slice(0, 10).map((id) => (
            <li key={id}>
              <Link to="/activity/$taskId" params={{ taskId: id }}>
                {id}
              </Link>
            </li>
          ))}
        </ul>
      )}
      {model.failures.length === 0 ? null : <RefusedTexts model={model} isActive={false} />}
      <InlineError error={giveUp.error} />
    </section>
  );
}
