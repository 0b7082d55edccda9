// `/sources/:id`: a source's pages, its code by language, how it was crawled, and its deletion.

import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, type SubmitEvent, useId, useState } from "react";

import { useApp } from "../../components/app";
import { useStartCrawl } from "../crawl/CrawlForm";
import { CodeBlock, CodeContext } from "../../components/Code";
import { Dialog } from "../../components/Dialog";
import { InlineError, Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Icon } from "../../components/Icon";
import { FactList } from "../../components/FactList";
import { StatusBadge } from "../../components/StatusBadge";
import { Tabs } from "../../components/Tabs";
import { useNow } from "../../components/useNow";
import { useTasks } from "../../live/react";
import { isFinal } from "../../live/tasks";
import { codeQuery, deleteSource, pagesQuery, sourceQuery } from "../../data/sources";
import { Changes } from "./Changes";
import type { SourceTab } from "./params";
import { ago, bytes, count, counted, pathOf, shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { CrawlStart, SourceShape, TaskShape } from "../../wire";

const FROM = "/sources/$sourceId";

export function SourceDetail(): ReactNode {
  const { sourceId } = useParams({ from: FROM });
  const { api } = useApp();
  const { byId } = useTasks();
  const task = [...byId.values()].find((some) => some.payload.source_id === sourceId && !isFinal(some.status));
  const query = useQuery({ ...sourceQuery(api, sourceId), refetchInterval: task === undefined ? false : 3_000 });
  return <Loaded query={query}>{(source) => <Shown key={sourceId} source={source} task={task} />}</Loaded>;
}

function Shown({ source, task }: { source: SourceShape; task: TaskShape | undefined }): ReactNode {
  const name = nameOf(source);
  return (
    <>
      <div className="head">
        <Link to="/sources" className="sm">
          Sources
        </Link>
        <span className="muted" aria-hidden="true">
          /
        </span>
        <Heading title={visible(name)} className="ell">
          {visible(name)}
        </Heading>
        {task === undefined ? null : (
          <Link to="/activity/$taskId" params={{ taskId: task.task_id }} aria-label="Follow the crawl">
            <StatusBadge task={task} />
          </Link>
        )}
        <span className="sp" />
        <Actions source={source} isRunning={task !== undefined} />
      </div>
      <Facts source={source} />
      <Contents source={source} isRunning={task !== undefined} />
    </>
  );
}

function Actions({ source, isRunning }: { source: SourceShape; isRunning: boolean }): ReactNode {
  const [isDeleting, setDeleting] = useState(false);
  const { start, isPending, error } = useStartCrawl();
  return (
    <>
      <Link className="btn" to="/search" search={{ source: source.source_id }}>
        <Icon name="search" />
        Search it
      </Link>
      {isRunning || source.url.startsWith("upload:") ? null : (
        <button type="button" className="btn" disabled={isPending} onClick={() => start(againOf(source))}>
          <Icon name="retry" />
          Crawl again
        </button>
      )}
      <button type="button" className="btn danger-quiet" data-testid="delete-source" onClick={() => setDeleting(true)}>
        Delete…
      </button>
      <InlineError error={error} />
      {isDeleting ? <DeleteDialog source={source} onClose={() => setDeleting(false)} /> : null}
    </>
  );
}

/** The request that made the source, to be sent again. */
function againOf(source: SourceShape): CrawlStart {
  return {
    url: source.url,
    ...(source.options as Partial<CrawlStart>),
    tags: source.tags,
    knowledge_type: source.knowledge_type,
  };
}

function Facts({ source }: { source: SourceShape }): ReactNode {
  const now = useNow(30_000);
  const facts = [
    { label: "Pages", value: count(source.pages) },
    { label: "Passages", value: count(source.chunks), note: embeddedNote(source) },
    { label: "Code examples", value: count(source.code_examples) },
    { label: "Size", value: bytes(source.size_bytes), note: `updated ${ago(source.updated_at, now)}` },
  ];
  return (
    <section className="card kpi" aria-label="In numbers">
      {facts.map(({ label, value, note }) => (
        <div key={label}>
          <span className="muted sm">{label}</span>
          <b className="num">{value}</b>
          {note === undefined ? null : <span className="muted xs num">{note}</span>}
        </div>
      ))}
    </section>
  );
}

function embeddedNote({ chunks, embedded_chunks: embedded }: SourceShape): string {
  if (chunks === 0) return "";
  if (embedded === 0) return "found by words";
  return embedded >= chunks ? "found by words and meaning" : `${count(embedded)} of them by meaning too`;
}

function Contents({ source, isRunning }: { source: SourceShape; isRunning: boolean }): ReactNode {
  const { tab = "pages" } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const tabs: readonly { name: SourceTab; label: string; badge?: ReactNode }[] = [
    { name: "pages", label: "Pages", badge: <span className="muted num">{count(source.pages)}</span> },
    { name: "code", label: "Code", badge: <span className="muted num">{count(source.code_examples)}</span> },
    { name: "changes", label: "Changes" },
    { name: "settings", label: "Settings" },
  ];
  const choose = (name: SourceTab): void => void navigate({ search: name === "pages" ? {} : { tab: name }, replace: true });
  return (
    <Tabs label="Contents" tabs={tabs} current={tab} onChoose={choose}>
      {tab === "pages" ? <Pages sourceId={source.source_id} isRunning={isRunning} /> : null}
      {tab === "code" ? <CodeExamples sourceId={source.source_id} /> : null}
      {tab === "changes" ? <Changes sourceId={source.source_id} /> : null}
      {tab === "settings" ? (
        <FactList facts={{ url: source.url, tags: source.tags, knowledge_type: source.knowledge_type, ...source.options }} />
      ) : null}
    </Tabs>
  );
}

function Pages({ sourceId, isRunning }: { sourceId: string; isRunning: boolean }): ReactNode {
  const { api } = useApp();
  const query = useInfiniteQuery({ ...pagesQuery(api, sourceId), refetchInterval: isRunning ? 3_000 : false });
  const pages = query.data?.pages.flatMap((page) => page.items);
  return (
    <div className="card tab-body">
      <Loaded query={{ data: pages, error: query.error }}>
        {(items) => (
          <ul className="pages" aria-label="Pages">
            {items.length === 0 ? <li className="muted">No page is stored yet.</li> : null}
            {items.map((page) => (
              <li key={page.page_id} data-testid="page-row">
                <div className="ell">
                  <Link to="/sources/$sourceId/pages/$pageId" params={{ sourceId, pageId: page.page_id }}>
                    {visible(page.title === "" ? pathOf(page.url) : page.title)}
                  </Link>
                  <div className="muted xs mono ell">{visible(pathOf(page.url))}</div>
                </div>
                <span className="muted num sm">{counted(page.chars, "character")}</span>
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      <More query={query} />
    </div>
  );
}

function CodeExamples({ sourceId }: { sourceId: string }): ReactNode {
  const id = useId();
  const { api } = useApp();
  const { language } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const query = useInfiniteQuery(codeQuery(api, sourceId, language));
  const all = useInfiniteQuery(codeQuery(api, sourceId, undefined));
  const seen = all.data?.pages.flatMap((page) => page.items.map((item) => item.language ?? "")) ?? [];
  const languages = [...new Set([...seen, language ?? ""])].filter((name) => name !== "").sort();
  const examples = query.data?.pages.flatMap((page) => page.items);
  const choose = (name: string): void =>
    void navigate({ search: { tab: "code", ...(name === "" ? {} : { language: name }) }, replace: true });
  return (
    <div className="tab-body stack">
      <div className="row">
        <label htmlFor={id} className="sm">
          Language
        </label>
        <select id={id} className="in small" value={language ?? ""} onChange={(event) => choose(event.target.value)}>
          <option value="">all</option>
          {languages.map((name) => (
            <option key={name}>{visible(name)}</option>
          ))}
        </select>
      </div>
      <Loaded query={{ data: examples, error: query.error }}>
        {(items) => (
          <ul className="stack" aria-label="Code examples">
            {items.length === 0 ? <li className="muted">No code examples.</li> : null}
            {items.map((example) => (
              <li key={example.code_id} className="card pad stack" data-testid="code-example">
                <p className="sm ell">
                  <Link
                    to="/sources/$sourceId/pages/$pageId"
                    params={{ sourceId, pageId: example.page_id }}
                    hash={`c${example.start}-${example.end}`}
                  >
                    {visible(example.heading_path.at(-1) ?? example.title)}
                  </Link>{" "}
                  <span className="muted">{visible(pathOf(example.url))}</span>
                </p>
                <CodeContext of={example} />
                <CodeBlock code={example.code} language={example.language} isGuessed={example.is_guessed} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
      <More query={query} />
    </div>
  );
}

interface MoreProps {
  readonly query: { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage: () => Promise<unknown> };
}

function More({ query }: MoreProps): ReactNode {
  if (!query.hasNextPage) return null;
  return (
    <p className="row more pad">
      <button type="button" className="btn" disabled={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
        {query.isFetchingNextPage ? "Loading…" : "Show more"}
      </button>
    </p>
  );
}

function DeleteDialog({ source, onClose }: { source: SourceShape; onClose: () => void }): ReactNode {
  const { api } = useApp();
  const id = useId();
  const name = nameOf(source);
  const [typed, setTyped] = useState("");
  const navigate = useNavigate();
  const queries = useQueryClient();
  const { mutate, isPending, error } = useMutation({
    mutationFn: () => deleteSource(api, source.source_id),
    onSuccess: async () => {
      await navigate({ to: "/sources" });
      queries.removeQueries({ queryKey: ["source", source.source_id] });
      for (const queryKey of [["sources"], ["isEmpty"], ["search"], ["searchCode"]]) void queries.invalidateQueries({ queryKey });
    },
  });
  const submit = (event: SubmitEvent<HTMLFormElement>): void => {
    event.preventDefault();
    if (typed === name) mutate();
  };
  return (
    <Dialog title="Delete this source?" onClose={onClose}>
      <form onSubmit={submit} className="stack">
        <p>
          Its {counted(source.pages, "page")}, {counted(source.chunks, "passage")} and{" "}
          {counted(source.code_examples, "code example")} are gone for good. They can only be had back by crawling again.
        </p>
        <label htmlFor={id}>
          Type <b className="wrap">{name}</b> to delete it.
        </label>
        <input
          id={id}
          className="in"
          autoComplete="off"
          spellCheck={false}
          autoFocus
          value={typed}
          data-testid="delete-name"
          onChange={(event) => setTyped(event.target.value)}
        />
        <InlineError error={error} />
        <div className="row end">
          <button type="button" className="btn quiet" onClick={onClose}>
            Keep it
          </button>
          <button type="submit" className="btn danger" data-testid="confirm-delete" disabled={typed !== name || isPending}>
            {isPending ? "Deleting…" : "Delete"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function nameOf(source: SourceShape): string {
  return source.title === "" ? shortUrl(source.url) : source.title;
}
