// One saved query: the pages that it should find, where the first of them came, and what came ahead of it.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { useApp } from "../../components/app";
import { TONE_CLASS } from "../../components/Bar";
import { ConfirmButton } from "../../components/buttons";
import { InlineError } from "../../components/Failure";
import { Icon } from "../../components/Icon";
import { deleteQuery } from "../../data/savedQueries";
import { pathOf } from "../../text/format";
import { rankFace } from "../../text/savedQueries";
import { visible } from "../../text/visible";
import type { QueryResultShape, SavedQueryShape } from "../../wire";
import { QueryDialog } from "./QueryDialog";

interface Props {
  readonly query: SavedQueryShape;
  /** Of the run that is shown; undefined where the query was not part of it. */
  readonly result: QueryResultShape | undefined;
}

export function QueryRow({ query, result }: Props): ReactNode {
  const { source_id: sourceId, query: text, expected, filters } = query;
  const filtered = Object.entries(filters).map(([name, value]) => `${name.replaceAll("_", " ")} ${String(value)}`);
  return (
    <li data-testid="query-row">
      <div className="stack tight">
        <Link className="b wrap" to="/search" search={{ q: text, source: sourceId }}>
          {visible(text)}
        </Link>
        <p className="sm wrap">
          <span className="muted">should find</span> <span className="mono">{visible(expected.map(pathOf).join(", "))}</span>
          {filtered.length === 0 ? null : <span className="muted"> · {visible(filtered.join(", "))}</span>}
        </p>
        {result === undefined ? null : <WhatCame result={result} />}
      </div>
      <Rank result={result} />
      <Actions query={query} />
    </li>
  );
}

function Rank({ result }: { result: QueryResultShape | undefined }): ReactNode {
  if (result === undefined) return <span className="muted sm">not in this run</span>;
  const { label, tone } = rankFace(result);
  return (
    <span className={`st ${TONE_CLASS[tone]}`} data-testid="rank">
      <Icon name={tone === "ok" ? "check" : tone === "bad" ? "cross" : "alert"} />
      {label}
    </span>
  );
}

function WhatCame({ result: { ahead, unknown, error } }: { result: QueryResultShape }): ReactNode {
  return (
    <>
      {error === null ? null : <p className="inline-error">It could not be run: {visible(error)}</p>}
      {unknown.length === 0 ? null : <p className="sm warn-text wrap">The source has no such page: {visible(unknown.join(", "))}</p>}
      {ahead.length === 0 ? null : (
        <details className="sm">
          <summary>
            What came ahead <span className="muted num">{ahead.length}</span>
          </summary>
          <ol className="ahead mono xs">
            {ahead.map((url) => (
              <li key={url} className="wrap">
                {visible(pathOf(url))}
              </li>
            ))}
          </ol>
        </details>
      )}
    </>
  );
}

function Actions({ query }: { query: SavedQueryShape }): ReactNode {
  const { api } = useApp();
  const queries = useQueryClient();
  const [isEditing, setEditing] = useState(false);
  const { source_id: sourceId, query_id: queryId, query: text } = query;
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => deleteQuery(api, sourceId, queryId),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["source", sourceId, "queries"] }),
  });
  return (
    <div className="act row">
      <button type="button" className="btn small" aria-label={`Edit ${visible(text)}`} onClick={() => setEditing(true)}>
        Edit
      </button>
      <ConfirmButton
        label={`Delete ${visible(text)}`}
        confirmLabel="Delete?"
        pendingLabel="Deleting…"
        isPending={isPending}
        onConfirm={() => mutate()}
        icon="cross"
        isIconOnly
      />
      <InlineError error={error} />
      {isEditing ? <QueryDialog sourceId={sourceId} query={query} onClose={() => setEditing(false)} /> : null}
    </div>
  );
}
