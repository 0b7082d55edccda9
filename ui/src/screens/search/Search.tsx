// `/search`: passages or code, found as you type. The query and its filters are in the URL.

import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useEffect, useRef, useState } from "react";

import { useApp, useNewCrawl } from "../../components/app";
import { errorOf, Failure } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { CodeHits, Hits } from "./hits";
import { useShortcut } from "../../components/shortcuts";
import { searchCodeQuery, searchQuery } from "../../data/search";
import { isEmptyQuery, sourcesQuery } from "../../data/sources";
import type { SearchParams } from "./params";
import { counted, shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { SearchMode } from "../../wire";

const TYPING_MS = 180;
const LIMIT = 20;

export function Search(): ReactNode {
  const filters = useSearch({ from: "/search" });
  return (
    <>
      <Heading title={filters.q === undefined ? "Search" : `${filters.q} · Search`} className="sr" takesFocus={false}>
        Search
      </Heading>
      <SearchBox />
      <div className="cols">
        <Filters />
        <section aria-label="Results" className="results">
          {filters.q === undefined ? <Nothing /> : filters.show === "code" ? <CodeResults /> : <TextResults />}
        </section>
      </div>
    </>
  );
}

/** Changes some of the filters; those set to undefined go. Typing replaces the URL, so "back" leaves the search. */
function useFilter(): (change: { [Name in keyof SearchParams]?: SearchParams[Name] | undefined }) => void {
  const navigate = useNavigate({ from: "/search" });
  return (change) => {
    void navigate({
      search: (held) =>
        Object.fromEntries(Object.entries({ ...held, ...change }).filter(([, value]) => value !== undefined)) as SearchParams,
      replace: true,
    });
  };
}

function SearchBox(): ReactNode {
  const { q = "" } = useSearch({ from: "/search" });
  const filter = useFilter();
  const input = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(q);
  const [pushed, setPushed] = useState(q);
  const [seen, setSeen] = useState(q);
  if (q !== seen) {
    setSeen(q);
    if (q !== pushed) setText(q); // the URL was changed by something else: back, a link
  }
  const push = (value: string): void => {
    setPushed(value);
    filter({ q: value === "" ? undefined : value });
  };
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const stop = (): void => {
    if (timer.current !== null) clearTimeout(timer.current);
  };
  useEffect(() => stop, []);
  const type = (value: string): void => {
    setText(value);
    stop();
    timer.current = setTimeout(() => push(value.trim()), TYPING_MS);
  };
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    stop();
    push(text.trim());
  };
  useShortcut("/", "Search", () => input.current?.select());
  return (
    <form className="row search-box" role="search" onSubmit={submit}>
      <input
        ref={input}
        className="in large"
        type="search"
        aria-label="Search"
        placeholder="Ask or type words, names, errors"
        data-testid="search-input"
        autoComplete="off"
        autoFocus
        maxLength={2000}
        value={text}
        onChange={(event) => type(event.target.value)}
      />
      <button type="submit" className="btn pri large">
        Search
      </button>
    </form>
  );
}

const MODES: Readonly<Record<SearchMode, { readonly label: string; readonly by: string }>> = {
  hybrid: { label: "Words and meaning", by: "words and meaning" },
  vector: { label: "Meaning only", by: "meaning" },
  keyword: { label: "Words only", by: "words" },
};

function Filters(): ReactNode {
  const { show, mode = "hybrid", source, tag, language } = useSearch({ from: "/search" });
  const filter = useFilter();
  return (
    <aside className="facets" aria-label="Filters">
      <fieldset>
        <legend>Show</legend>
        <Choice name="show" label="Passages" isOn={show === undefined} onChoose={() => filter({ show: undefined, language: undefined })} />
        <Choice name="show" label="Code examples" testId="show-code" isOn={show === "code"} onChoose={() => filter({ show: "code" })} />
      </fieldset>
      {show === "code" ? (
        <LanguageField key={language} language={language ?? ""} />
      ) : (
        <fieldset>
          <legend>Match</legend>
          {Object.entries(MODES).map(([value, { label }]) => (
            <Choice
              key={value}
              name="mode"
              label={label}
              isOn={mode === value}
              onChoose={() => filter({ mode: value === "hybrid" ? undefined : (value as SearchMode) })}
            />
          ))}
        </fieldset>
      )}
      <SourceField source={source ?? ""} />
      {tag === undefined ? null : (
        <p className="field">
          <span className="b sm">Tag</span>
          <button type="button" className="chip" aria-label={`Tag ${tag}: remove`} onClick={() => filter({ tag: undefined })}>
            {visible(tag)} <span aria-hidden="true">×</span>
          </button>
        </p>
      )}
    </aside>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly label: string;
  readonly isOn: boolean;
  readonly onChoose: () => void;
  readonly testId?: string;
}

function Choice({ name, label, isOn, onChoose, testId }: ChoiceProps): ReactNode {
  return (
    <label className="chk">
      <input type="radio" name={name} checked={isOn} onChange={onChoose} data-testid={testId} />
      {label}
    </label>
  );
}

function LanguageField({ language }: { language: string }): ReactNode {
  const filter = useFilter();
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    const value = new FormData(event.currentTarget).get("language");
    filter({ language: typeof value === "string" && value.trim() !== "" ? value.trim().toLowerCase() : undefined });
  };
  return (
    <form className="field" onSubmit={submit}>
      <label htmlFor="language" className="b sm">
        Language
      </label>
      <input id="language" name="language" className="in small" defaultValue={language} placeholder="any" onBlur={(event) => event.target.form?.requestSubmit()} />
    </form>
  );
}

function SourceField({ source }: { source: string }): ReactNode {
  const { api } = useApp();
  const filter = useFilter();
  const sources = useInfiniteQuery(sourcesQuery(api)).data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="field">
      <label htmlFor="source" className="b sm">
        Source
      </label>
      <select id="source" className="in small" value={source} onChange={(event) => filter({ source: event.target.value === "" ? undefined : event.target.value })}>
        <option value="">all</option>
        {source !== "" && !sources.some((some) => some.source_id === source) ? <option value={source}>{source}</option> : null}
        {sources.map((some) => (
          <option key={some.source_id} value={some.source_id}>
            {visible(some.title === "" ? shortUrl(some.url) : some.title)}
          </option>
        ))}
      </select>
    </div>
  );
}

function TextResults(): ReactNode {
  const { api } = useApp();
  const { q = "", mode, source, tag } = useSearch({ from: "/search" });
  const request = {
    query: q,
    limit: LIMIT,
    ...(mode === undefined ? {} : { mode }),
    ...(source === undefined ? {} : { source_id: source }),
    ...(tag === undefined ? {} : { tags: [tag] }),
  };
  const { data, error, isPlaceholderData } = useQuery({ ...searchQuery(api, request), placeholderData: keepPreviousData });
  if (error !== null) return <Failure error={errorOf(error)} />;
  if (data === undefined) return <p className="muted loading">Searching…</p>;
  const { hits, took_ms: ms } = data;
  const sources = new Set(hits.map((hit) => hit.source_id)).size;
  const isByWordsOnly = data.mode === "keyword" && (mode ?? "hybrid") !== "keyword";
  return (
    <div className={isPlaceholderData ? "stale" : undefined} aria-busy={isPlaceholderData}>
      <p className="muted sm num found" role="status">
        {hits.length === LIMIT ? "The best " : ""}
        {counted(hits.length, "passage")}
        {sources > 1 ? ` in ${counted(sources, "source")}` : ""} · {Math.max(1, Math.round(ms))} ms · by {MODES[data.mode].by}
        {isByWordsOnly ? " (no vectors are there yet)" : ""}
      </p>
      {hits.length === 0 ? <NoHits /> : <Hits hits={hits} />}
    </div>
  );
}

function CodeResults(): ReactNode {
  const { api } = useApp();
  const { q = "", language, source } = useSearch({ from: "/search" });
  const request = {
    query: q,
    limit: LIMIT,
    ...(language === undefined ? {} : { language }),
    ...(source === undefined ? {} : { source_id: source }),
  };
  const { data, error, isPlaceholderData } = useQuery({ ...searchCodeQuery(api, request), placeholderData: keepPreviousData });
  if (error !== null) return <Failure error={errorOf(error)} />;
  if (data === undefined) return <p className="muted loading">Searching…</p>;
  return (
    <div className={isPlaceholderData ? "stale" : undefined} aria-busy={isPlaceholderData}>
      <p className="muted sm num found" role="status">
        {counted(data.hits.length, "code example")} · {Math.max(1, Math.round(data.took_ms))} ms
      </p>
      {data.hits.length === 0 ? <NoHits /> : <CodeHits hits={data.hits} />}
    </div>
  );
}

function NoHits(): ReactNode {
  return (
    <div className="card pad stack">
      <p>Nothing was found.</p>
      <p className="muted sm">Try fewer or other words, another way to match, or all sources.</p>
    </div>
  );
}

function Nothing(): ReactNode {
  const { api } = useApp();
  const newCrawl = useNewCrawl();
  const isEmpty = useQuery(isEmptyQuery(api)).data ?? false;
  return (
    <div className="card pad stack">
      <p>{isEmpty ? "There is nothing to search yet." : "Type what you want to know."}</p>
      <p className="muted sm">
        {isEmpty ? "Crawl a documentation site first." : "Results come as you type: the passages that fit best, with where they are from."}
      </p>
      {isEmpty ? (
        <p>
          <button type="button" className="btn pri" onClick={newCrawl}>
            New crawl
          </button>
        </p>
      ) : null}
    </div>
  );
}
