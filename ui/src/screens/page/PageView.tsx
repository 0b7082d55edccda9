// `/sources/:id/pages/:pid#chunk`: the stored page, rendered, scrolled to the passage that is cited.
// The hash is a chunk's id, or `c<start>-<end>` in code points of the page's Markdown.

import { useQuery } from "@tanstack/react-query";
import { Link, useParams, useRouterState } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useRef } from "react";

import { useApp } from "../../components/app";
import { CopyButton } from "../../components/buttons";
import { Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Icon } from "../../components/Icon";
import { useNow } from "../../components/useNow";
import { chunksQuery, pageQuery } from "../../data/pages";
import { sourceQuery } from "../../data/sources";
import { utf16Offsets } from "../../text/codePoints";
import { ago, bytes, counted, lowered, shortUrl } from "../../text/format";
import { type Cited, headingId } from "../../text/tamePage";
import { WAYS } from "../../text/urls";
import { safeHref, visible } from "../../text/visible";
import type { ChunkShape, PageShape, Range } from "../../wire";

const Markdown = lazy(async () => ({ default: (await import("../../components/Markdown")).Markdown }));

export function PageView(): ReactNode {
  const { sourceId, pageId } = useParams({ from: "/sources/$sourceId/pages/$pageId" });
  const { api } = useApp();
  const page = useQuery(pageQuery(api, pageId));
  return <Loaded query={page}>{(data) => <Shown key={pageId} page={data} sourceId={sourceId} />}</Loaded>;
}

function Shown({ page, sourceId }: { page: PageShape; sourceId: string }): ReactNode {
  const range = useCitedRange(sourceId, page.page_id);
  const cited = useMemo(() => (range === null ? null : citedIn(page.markdown, range)), [page.markdown, range]);
  const title = visible(page.title === "" ? shortUrl(page.url) : page.title);
  return (
    <>
      <PageHead page={page} sourceId={sourceId} title={title} />
      <div className="cols page-cols">
        <Outline page={page} />
        <Suspense fallback={<p className="muted loading">Loading…</p>}>
          <Body page={page} cited={cited} />
        </Suspense>
      </div>
    </>
  );
}

function PageHead({ page, sourceId, title }: { page: PageShape; sourceId: string; title: string }): ReactNode {
  const { api } = useApp();
  const source = useQuery(sourceQuery(api, sourceId)).data;
  const now = useNow(60_000);
  const href = safeHref(page.url);
  const facts = [
    `fetched ${ago(page.fetched_at, now)}`,
    bytes(page.size_bytes),
    counted(page.chars, "character"),
    page.language,
    page.fetched_by === "http" ? null : lowered(WAYS[page.fetched_by].help),
  ].filter((fact) => fact !== null);
  return (
    <header className="page-head">
      <p className="crumb">
        <Link to="/sources">Sources</Link> <span aria-hidden="true">›</span>
        <Link className="ell" to="/sources/$sourceId" params={{ sourceId }}>
          {source === undefined ? "Source" : visible(source.title === "" ? shortUrl(source.url) : source.title)}
        </Link>
      </p>
      <div className="head">
        <Heading title={title}>{title}</Heading>
        <span className="sp" />
        <CopyButton text={page.markdown} label="Copy Markdown" />
        {href === null ? null : (
          <a className="btn small" href={href} target="_blank" rel="noreferrer noopener">
            <Icon name="external" />
            Original
          </a>
        )}
      </div>
      <p className="muted sm">
        <span className="mono wrap">{visible(page.url)}</span>
      </p>
      <p className="muted xs num">{facts.join(" · ")}</p>
    </header>
  );
}

function Outline({ page }: { page: PageShape }): ReactNode {
  const offsets = useMemo(
    () => utf16Offsets(page.markdown, page.outline.map((heading) => heading.offset)),
    [page.markdown, page.outline],
  );
  if (page.outline.length === 0) return <div />;
  const go = (offset: number): void => {
    const heading = document.getElementById(headingId(offset));
    heading?.scrollIntoView({ block: "start" });
    heading?.focus({ preventScroll: true });
  };
  const top = Math.min(...page.outline.map((heading) => heading.level));
  return (
    <nav className="outline" aria-label="On this page">
      <details open>
        <summary className="b sm">On this page</summary>
        <ul>
          {page.outline.map((heading, index) => (
            <li key={heading.offset} className={`level-${Math.min(4, heading.level - top)}`}>
              <button type="button" className="link sm" onClick={() => go(offsets[index] ?? 0)}>
                {visible(heading.text)}
              </button>
            </li>
          ))}
        </ul>
      </details>
    </nav>
  );
}

function Body({ page, cited }: { page: PageShape; cited: Cited | null }): ReactNode {
  const ref = useRef<HTMLElement>(null);
  useEffect(() => {
    const first = cited === null ? null : ref.current?.querySelector<HTMLElement>("[data-cited]");
    first?.scrollIntoView({ block: "center" });
    first?.focus({ preventScroll: true });
  }, [cited]);
  return (
    <article ref={ref} className="card pad page-body">
      <Markdown markdown={page.markdown} baseUrl={page.url} cited={cited} />
    </article>
  );
}

const NO_CHUNKS: readonly ChunkShape[] = [];

/** What the hash cites, in code points; null when nothing, or not yet known. */
function useCitedRange(sourceId: string, pageId: string): Range | null {
  const { api } = useApp();
  const hash = useRouterState({ select: ({ location }) => location.hash });
  const chunks = useQuery({ ...chunksQuery(api, sourceId, pageId), enabled: hash.startsWith("ch_") }).data ?? NO_CHUNKS;
  return useMemo(() => {
    const [, start, end] = /^c(\d+)-(\d+)$/.exec(hash) ?? [];
    if (start !== undefined && end !== undefined) return [Number(start), Number(end)];
    const chunk = chunks.find((some) => some.chunk_id === hash);
    return chunk === undefined ? null : [chunk.start, chunk.end];
  }, [hash, chunks]);
}

function citedIn(markdown: string, range: Range): Cited {
  const [start = 0, end = 0] = utf16Offsets(markdown, range);
  return { start, end };
}
