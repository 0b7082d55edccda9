// What a schedule runs: a source's crawl, or any task as its type and payload.

import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Field } from "../../components/Field";
import { taskTypesQuery } from "../../data/queue";
import { sourcesQuery } from "../../data/sources";
import { shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { SourceShape } from "../../wire";

export type What =
  | { readonly kind: "source"; readonly source: SourceShape | null }
  | { readonly kind: "task"; readonly taskType: string; readonly payload: string };

interface Props {
  readonly what: What;
  readonly onChange: (what: What) => void;
  readonly isNew: boolean;
  readonly isPayloadWrong: boolean;
}

export function WhatFields({ what, onChange, isNew, isPayloadWrong }: Props): ReactNode {
  return (
    <fieldset className="stack">
      <legend>What runs</legend>
      {isNew ? (
        <div className="row">
          <label className="chk">
            <input
              type="radio"
              name="what"
              checked={what.kind === "source"}
              onChange={() => onChange({ kind: "source", source: null })}
            />
            Crawl a source again
          </label>
          <label className="chk">
            <input
              type="radio"
              name="what"
              checked={what.kind === "task"}
              onChange={() => onChange({ kind: "task", taskType: "crawl", payload: '{\n  "url": "https://"\n}' })}
            />
            Any task
          </label>
        </div>
      ) : null}
      {what.kind === "source" ? (
        <SourceField source={what.source} onChange={(source) => onChange({ kind: "source", source })} />
      ) : (
        <TaskFields what={what} onChange={onChange} isPayloadWrong={isPayloadWrong} />
      )}
    </fieldset>
  );
}

interface SourceFieldProps {
  readonly source: SourceShape | null;
  readonly onChange: (source: SourceShape | null) => void;
}

function SourceField({ source, onChange }: SourceFieldProps): ReactNode {
  const { api } = useApp();
  const query = useInfiniteQuery(sourcesQuery(api));
  const sources = query.data?.pages.flatMap((page) => page.items).filter(({ url }) => /^https?:/.test(url)) ?? [];
  if (query.data !== undefined && sources.length === 0) {
    return <p className="muted sm">There is no source that was crawled. Start a crawl first.</p>;
  }
  return (
    <Field label="Source" hint="It is crawled with the options that it has: only what changed is fetched and embedded.">
      {(field) => (
        <select
          {...field}
          className="in"
          required
          value={source?.source_id ?? ""}
          onChange={(event) => onChange(sources.find((each) => each.source_id === event.target.value) ?? null)}
        >
          <option value="">Choose one</option>
          {sources.map((each) => (
            <option key={each.source_id} value={each.source_id}>
              {visible(each.title === "" ? shortUrl(each.url) : `${each.title} (${shortUrl(each.url)})`)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

type TaskWhat = Extract<What, { kind: "task" }>;

interface TaskFieldsProps {
  readonly what: TaskWhat;
  readonly onChange: (what: What) => void;
  readonly isPayloadWrong: boolean;
}

function TaskFields({ what, onChange, isPayloadWrong }: TaskFieldsProps): ReactNode {
  const { api } = useApp();
  const types = useQuery(taskTypesQuery(api)).data?.items ?? [];
  const chosen = types.find((type) => type.task_type === what.taskType);
  return (
    <>
      <Field label="Task type" hint={chosen?.description}>
        {(field) => (
          <select {...field} className="in" value={what.taskType} onChange={(event) => onChange({ ...what, taskType: event.target.value })}>
            {types.some((type) => type.task_type === what.taskType) ? null : <option>{what.taskType}</option>}
            {types.map((type) => (
              <option key={type.task_type}>{type.task_type}</option>
            ))}
          </select>
        )}
      </Field>
      <Field
        label="Payload, as JSON"
        hint={isPayloadWrong ? "This is not a JSON object yet." : "Its fields are those that the type takes, see /docs."}
        isWrong={isPayloadWrong}
      >
        {(field) => (
          <textarea
            {...field}
            className="in mono"
            rows={6}
            spellCheck={false}
            aria-invalid={isPayloadWrong}
            value={what.payload}
            onChange={(event) => onChange({ ...what, payload: event.target.value })}
          />
        )}
      </Field>
    </>
  );
}
