// The form that starts a crawl: an address, and options folded away. Used by the first run and by the dialog.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useId, useState } from "react";

import { ApiError } from "../api";
import type { CrawlRequest } from "../wire";
import { useApp } from "./app";
import { InlineError } from "./Failure";

interface Started {
  readonly start: (request: CrawlRequest) => void;
  readonly isPending: boolean;
  readonly error: Error | null;
}

/** Starts a crawl and goes to its page. The same request sent again after an error starts no second crawl. */
export function useStartCrawl(onStarted: () => void = () => undefined): Started {
  const { api } = useApp();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [sent, setSent] = useState<{ text: string; key: string } | null>(null);
  const { mutate, isPending, error } = useMutation({
    mutationFn: ({ request, key }: { request: CrawlRequest; key: string }) => api.startCrawl(request, key),
    onSuccess: async ({ task_id: taskId }) => {
      setSent(null);
      onStarted();
      await navigate({ to: "/activity/$taskId", params: { taskId } });
      // Not before: the first run would go to the search as soon as it is known not to be empty any more.
      for (const queryKey of [["isEmpty"], ["sources"], ["tasks"]]) void queries.invalidateQueries({ queryKey });
    },
  });
  const start = (request: CrawlRequest): void => {
    const text = JSON.stringify(request);
    const key = sent?.text === text ? sent.key : newKey();
    setSent({ text, key });
    mutate({ request, key });
  };
  return { start, isPending, error };
}

/** `crypto.randomUUID` is missing on plain http of another machine, random values are not. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function CrawlForm({ onStarted, isLarge = false }: { onStarted?: () => void; isLarge?: boolean }): ReactNode {
  const { start, isPending, error } = useStartCrawl(onStarted);
  const wrong = error instanceof ApiError ? error.details.field : undefined;
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    start(requestOf(new FormData(event.currentTarget)));
  };
  return (
    <form onSubmit={submit} className="crawl-form" noValidate>
      <div className="row top">
        <Field name="url" label="Address" isHidden={isLarge} wrong={wrong === "url" ? error : null}>
          {(props) => (
            <input
              {...props}
              className={isLarge ? "in large" : "in"}
              data-testid="url-input"
              type="text"
              inputMode="url"
              autoComplete="url"
              spellCheck={false}
              autoFocus
              required
              placeholder="https://docs.example.com/"
            />
          )}
        </Field>
        <button type="submit" className={isLarge ? "btn pri large" : "btn pri"} data-testid="start-crawl" disabled={isPending}>
          {isPending ? "Starting…" : "Crawl"}
        </button>
      </div>
      {wrong === undefined || wrong === "url" ? null : <p className="sr">Look at the options.</p>}
      <Options wrong={typeof wrong === "string" && wrong !== "url" ? wrong : null} error={error} />
      {wrong === undefined ? <InlineError error={error} /> : null}
    </form>
  );
}

const NUMBERS = [
  { name: "max_pages", label: "Most pages", initial: 10_000, least: 1, most: 1_000_000, hint: "" },
  { name: "max_depth", label: "Most links away from the start", initial: 10, least: 0, most: 100, hint: "" },
] as const;
const LISTS = [
  { name: "include", label: "Only paths like", placeholder: "/guide/**", hint: "One pattern a line; none takes all below the start." },
  { name: "exclude", label: "But not paths like", placeholder: "/guide/v1/**", hint: "One pattern a line." },
] as const;

function Options({ wrong, error }: { wrong: string | null; error: Error | null }): ReactNode {
  const errorOf = (name: string): Error | null => (wrong?.split(".")[0] === name ? error : null);
  return (
    <details className="options" open={wrong !== null || undefined}>
      <summary>Options</summary>
      <div className="fields">
        {NUMBERS.map(({ name, label, initial, least, most }) => (
          <Field key={name} name={name} label={label} wrong={errorOf(name)}>
            {(props) => <input {...props} className="in" type="number" min={least} max={most} defaultValue={initial} />}
          </Field>
        ))}
        {LISTS.map(({ name, label, placeholder, hint }) => (
          <Field key={name} name={name} label={label} hint={hint} wrong={errorOf(name)}>
            {(props) => <textarea {...props} className="in mono" rows={2} placeholder={placeholder} spellCheck={false} />}
          </Field>
        ))}
        <Field name="tags" label="Tags" hint="Separated by commas." wrong={errorOf("tags")}>
          {(props) => <input {...props} className="in" type="text" placeholder="python, web" />}
        </Field>
      </div>
    </details>
  );
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly isHidden?: boolean;
  readonly hint?: string;
  readonly wrong: Error | null;
  readonly children: (props: {
    id: string;
    name: string;
    "aria-describedby": string | undefined;
    "aria-invalid": boolean;
  }) => ReactNode;
}

function Field({ name, label, isHidden = false, hint = "", wrong, children }: FieldProps): ReactNode {
  const id = useId();
  const isDescribed = hint !== "" || wrong !== null;
  return (
    <div className="field">
      <label htmlFor={id} className={isHidden ? "sr" : "b sm"}>
        {label}
      </label>
      {children({ id, name, "aria-describedby": isDescribed ? `${id}-hint` : undefined, "aria-invalid": wrong !== null })}
      <div id={`${id}-hint`}>
        {hint === "" ? null : <p className="muted xs">{hint}</p>}
        <InlineError error={wrong} />
      </div>
    </div>
  );
}

/** The request; what was left as it is or empty is left to the server. */
export function requestOf(form: FormData): CrawlRequest {
  const text = (name: string): string => {
    const value = form.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
  const list = (name: string, separator: RegExp): string[] =>
    text(name)
      .split(separator)
      .map((part) => part.trim())
      .filter((part) => part !== "");
  const number = (name: string): object => (text(name) === "" ? {} : { [name]: Number(text(name)) });
  return {
    url: withScheme(text("url")),
    ...number("max_pages"),
    ...number("max_depth"),
    include: list("include", /\n/),
    exclude: list("exclude", /\n/),
    tags: list("tags", /,/),
  };
}

function withScheme(url: string): string {
  return url === "" || url.includes(":/") ? url : `https://${url}`;
}
