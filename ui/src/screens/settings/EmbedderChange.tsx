// The change to another embedder: first what it would take, then the change itself.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SubmitEvent, useState } from "react";

import { useApp } from "../../components/app";
import { Field } from "../../components/Field";
import { WrongField } from "../../components/WrongField";
import { Button, ConfirmButton } from "../../components/buttons";
import { changeEmbedder, estimateEmbedder } from "../../data/embedder";
import { type EmbedderForm, embedderRequest, estimateFacts, KIND_NAMES } from "../../text/embedder";
import type { EmbedderKind, EmbedderRequest, EmbedderShape, EmbeddingEstimate } from "../../wire";

const KINDS: readonly EmbedderKind[] = ["local", "openai", "none"];

export function EmbedderChange({ embedder }: { embedder: EmbedderShape }): ReactNode {
  const base = embedder.active?.options ?? null;
  const [form, setForm] = useState<EmbedderForm>(() => formOf(base));
  const { estimate, change } = useCommands();
  const request = embedderRequest(form, base);
  const edit = (part: Partial<EmbedderForm>): void => {
    setForm({ ...form, ...part });
    estimate.reset();
    change.reset();
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    estimate.mutate(request);
  };
  const error = change.error ?? estimate.error;
  return (
    <section className="card pad" aria-label="Change the embedder">
      <form className="stack" onSubmit={submit}>
        <h2>Change it</h2>
        <p className="muted sm">
          Search goes by the present one until every text has a vector of the new one. Keys are not entered here: they come from the
          server&apos;s environment.
        </p>
        <fieldset>
          <legend>Where vectors are made</legend>
          {KINDS.map((kind) => (
            <label key={kind} className="chk">
              <input type="radio" name="kind" checked={form.kind === kind} onChange={() => edit({ kind })} />
              {KIND_NAMES[kind]}
            </label>
          ))}
        </fieldset>
        {form.kind === "openai" ? <ApiFields form={form} onEdit={edit} /> : null}
        <div className="row">
          <Button type="submit" className="btn" data-testid="estimate" isOff={estimate.isPending}>
            {estimate.isPending ? "Counting…" : "What would it take?"}
          </Button>
          {estimate.data === undefined ? null : (
            <ConfirmButton
              label="Change to it"
              confirmLabel="Yes, change to it"
              pendingLabel="Trying it…"
              isPending={change.isPending}
              onConfirm={() => change.mutate(request)}
              icon="check"
              testId="change-embedder"
            />
          )}
        </div>
        <div role="status">{estimate.data === undefined ? null : <Estimate estimate={estimate.data} />}</div>
        <WrongField error={error} />
        <p className="sm" role="status">
          {change.data === undefined ? null : change.data.building === null ? "It is in use." : "It is being built: see above."}
        </p>
      </form>
    </section>
  );
}

function useCommands() {
  const { api } = useApp();
  const queries = useQueryClient();
  const estimate = useMutation({ mutationFn: (request: EmbedderRequest) => estimateEmbedder(api, request) });
  const change = useMutation({
    mutationFn: (request: EmbedderRequest) => changeEmbedder(api, request),
    onSuccess: (embedder) => {
      queries.setQueryData(["embedder"], embedder);
      estimate.reset();
    },
    onSettled: () => queries.invalidateQueries({ queryKey: ["health"] }),
  });
  return { estimate, change };
}

function ApiFields({ form, onEdit }: { form: EmbedderForm; onEdit: (part: Partial<EmbedderForm>) => void }): ReactNode {
  return (
    <div className="api-fields">
      <Field label="Model">
        {(field) => (
          <input
            {...field}
            className="in"
            spellCheck={false}
            placeholder="text-embedding-3-small"
            value={form.model}
            onChange={(event) => onEdit({ model: event.target.value })}
          />
        )}
      </Field>
      <Field label="Vector size">
        {(field) => (
          <input
            {...field}
            className="in"
            type="number"
            min={1}
            max={16_000}
            placeholder="the model's own"
            value={form.dimensions}
            onChange={(event) => onEdit({ dimensions: event.target.value })}
          />
        )}
      </Field>
      <Field label="Address of the API">
        {(field) => (
          <input
            {...field}
            className="in"
            inputMode="url"
            spellCheck={false}
            placeholder="OpenAI itself"
            value={form.baseUrl}
            onChange={(event) => onEdit({ baseUrl: event.target.value })}
          />
        )}
      </Field>
      <Field label="US dollars for a million tokens">
        {(field) => (
          <input
            {...field}
            className="in"
            type="number"
            min={0}
            step="any"
            placeholder="OpenAI's list price"
            value={form.price}
            onChange={(event) => onEdit({ price: event.target.value })}
          />
        )}
      </Field>
    </div>
  );
}

function Estimate({ estimate }: { estimate: EmbeddingEstimate }): ReactNode {
  return (
    <dl className="about" data-testid="estimate-facts">
      {estimateFacts(estimate).map(({ label, value }) => (
        <div key={label}>
          <dt className="muted sm">{label}</dt>
          <dd className="num b">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function formOf(options: EmbedderRequest | null): EmbedderForm {
  const isApi = options?.kind === "openai";
  return {
    kind: options?.kind ?? "none",
    model: isApi ? (options.model ?? "") : "",
    dimensions: isApi ? String(options.dimensions ?? "") : "",
    baseUrl: isApi ? (options.base_url ?? "") : "",
    price: isApi ? String(options.price_per_million ?? "") : "",
  };
}
