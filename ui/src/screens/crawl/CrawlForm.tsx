// The form that starts a crawl: an address, and options folded away. Used by the first run and by the dialog.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useId, useState } from "react";

import { ApiError } from "../../data/api";
import { requestOf } from "./crawlRequest";
import type { CrawlStart, RenderMode } from "../../wire";
import { useApp } from "../../components/app";
import { CrawlPreview } from "./CrawlPreview";
import { InlineError } from "../../components/Failure";
import { previewCrawl, startCrawl } from "../../data/crawls";

interface Started {
  readonly start: (request: CrawlStart) => void;
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
    mutationFn: ({ request, key }: { request: CrawlStart; key: string }) => startCrawl(api, request, key),
    onSuccess: async ({ task_id: taskId }) => {
      setSent(null);
      onStarted();
      await navigate({ to: "/activity/$taskId", params: { taskId } });
      // Not before: the first run would go to the search as soon as it is known not to be empty any more.
      for (const queryKey of [["isEmpty"], ["sources"], ["tasks"]]) void queries.invalidateQueries({ queryKey });
    },
  });
  const start = (request: CrawlStart): void => {
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
  const { api } = useApp();
  const { start, isPending, error: startError } = useStartCrawl(onStarted);
  const preview = useMutation({ mutationFn: (request: CrawlStart) => previewCrawl(api, request) });
  const error = startError ?? preview.error;
  const wrong = error instanceof ApiError ? error.details.field : undefined;
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const request = requestOf(new FormData(event.currentTarget));
    if (event.submitter instanceof HTMLButtonElement && event.submitter.value === "preview") preview.mutate(request);
    else start(request);
  };
  return (
    <form onSubmit={submit} onChange={() => preview.reset()} className="crawl-form" noValidate>
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
      <div>
        <button type="submit" value="preview" className="btn small" data-testid="preview" disabled={preview.isPending}>
          {preview.isPending ? "Looking at the site…" : "Preview"}
        </button>
      </div>
      {preview.data === undefined ? null : <CrawlPreview found={preview.data} />}
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
const CHOICES = [
  { name: "subdomains", label: "Take the hosts below the start's host too" },
  { name: "all_variants", label: "Take every version and language, not just the one of the start" },
] as const;
const RENDERING: Readonly<Record<RenderMode, { readonly label: string; readonly hint: string }>> = {
  auto: { label: "when a page needs it", hint: "Pages that show no text without scripts are rendered; the others are fetched, which is many times faster." },
  http: { label: "never", hint: "Pages are read as they are sent; scripts are not run." },
  browser: { label: "for every page", hint: "Slow, and reads what scripts show." },
};

interface OptionsProps {
  readonly wrong: string | null;
  readonly error: Error | null;
}

function Options({ wrong, error }: OptionsProps): ReactNode {
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
      <MoreOptions wrong={wrong} error={error} />
    </details>
  );
}

const MORE = ["render", "browser", "max_minutes", "subdomains", "all_variants"];

function MoreOptions({ wrong, error }: OptionsProps): ReactNode {
  const [render, setRender] = useState<RenderMode>("auto");
  const errorOf = (name: string): Error | null => (wrong?.split(".")[0] === name ? error : null);
  const isWrong = wrong !== null && MORE.includes(wrong.split(".")[0] ?? "");
  return (
    <details className="options" open={isWrong || undefined}>
      <summary>More options</summary>
      <div className="fields">
        <Field name="render" label="Render in the browser" hint={RENDERING[render].hint} wrong={errorOf("render")}>
          {(props) => (
            <select {...props} className="in" value={render} onChange={(event) => setRender(event.target.value as RenderMode)}>
              {Object.entries(RENDERING).map(([value, { label }]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field name="max_minutes" label="Most minutes" hint="Empty: as long as it takes. What is stored by then stays." wrong={errorOf("max_minutes")}>
          {(props) => <input {...props} className="in" type="number" min={0.1} step="any" max={100_000} />}
        </Field>
        {render === "browser" ? <BrowserFields error={errorOf("browser")} /> : null}
        <div className="field">
          {CHOICES.map(({ name, label }) => (
            <label key={name} className="chk sm">
              <input type="checkbox" name={name} /> {label}
            </label>
          ))}
        </div>
      </div>
    </details>
  );
}

function BrowserFields({ error }: { error: Error | null }): ReactNode {
  return (
    <>
      <Field name="wait_for" label="Wait for" hint="CSS selector of what must be on the page." wrong={error}>
        {(props) => <input {...props} className="in mono" type="text" spellCheck={false} placeholder="main article" />}
      </Field>
      <Field name="clicks" label="Click" hint="CSS selectors, one a line." wrong={null}>
        {(props) => <textarea {...props} className="in mono" rows={2} spellCheck={false} placeholder="button.more" />}
      </Field>
      <label className="chk sm wide">
        <input type="checkbox" name="scroll" /> Scroll to the end, as long as more comes
      </label>
    </>
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
