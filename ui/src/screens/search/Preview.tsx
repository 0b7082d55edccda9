// The chosen hit in its section of the page, with what can be done with it.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useRef, useState } from "react";

import { useApp } from "../../components/app";
import { Icon } from "../../components/Icon";
import { pageQuery } from "../../data/pages";
import { utf16Offsets, utf16Ranges } from "../../text/codePoints";
import { sectionAround } from "../../text/section";
import { safeHref } from "../../text/visible";
import type { HitShape, PageShape, Range } from "../../wire";
import { crumbOf, copyableHit, hitTitle } from "./hitText";
import { Passage } from "./Passage";
import { WhyFound } from "./Score";
import { Twins } from "./Twins";
import type { Copies } from "./useCopies";

const Markdown = lazy(async () => ({ default: (await import("../../components/Markdown")).Markdown }));
/** Who goes through the list quickly asks for the pages of the hits where they stay. */
const REST_MS = 120;

interface Props {
  readonly hit: HitShape;
  readonly source: string;
  readonly copies: Copies;
}

export function Preview({ hit, source, copies }: Props): ReactNode {
  return (
    <section className="card beside" aria-label="Preview" data-testid="preview-hit">
      <div className="beside-head">
        <p className="crumb">
          <span className="wrap">{crumbOf(source, hit)}</span>
        </p>
        <h2>
          <Link to="/sources/$sourceId/pages/$pageId" params={{ sourceId: hit.source_id, pageId: hit.page_id }} hash={hit.chunk_id}>
            {hitTitle(hit)}
          </Link>
        </h2>
        <Actions hit={hit} copies={copies} />
      </div>
      <Body key={hit.chunk_id} hit={hit} />
      <div className="beside-foot">
        <Twins key={hit.chunk_id} twins={hit.folded} />
        <WhyFound hit={hit} />
      </div>
    </section>
  );
}

function Actions({ hit, copies }: Omit<Props, "source">): ReactNode {
  const href = safeHref(hit.url);
  const { markdown, path } = copyableHit(hit);
  return (
    <div className="row">
      <Link
        className="btn small"
        aria-label="Open the page at the passage"
        to="/sources/$sourceId/pages/$pageId"
        params={{ sourceId: hit.source_id, pageId: hit.page_id }}
        hash={hit.chunk_id}
      >
        Open
      </Link>
      <button type="button" className="btn small" aria-keyshortcuts="y" onClick={() => copies.copy(markdown, "Copied as Markdown")}>
        <Icon name="copy" />
        Copy as Markdown <kbd aria-hidden="true">y</kbd>
      </button>
      <button type="button" className="btn small" onClick={() => copies.copy(location.origin + path, "Link copied")}>
        Copy link
      </button>
      {href === null ? null : (
        <a
          className="btn small"
          href={href}
          target="_blank"
          rel="noreferrer noopener"
          aria-label="Open the original page"
          title="Open the original page"
        >
          <Icon name="external" />
        </a>
      )}
    </div>
  );
}

/** The passage by itself until its page is there. */
function Body({ hit }: { hit: HitShape }): ReactNode {
  const { api } = useApp();
  const isAtRest = useRest();
  const page = useQuery({ ...pageQuery(api, hit.page_id), enabled: isAtRest }).data;
  const section = useMemo(() => (page === undefined ? null : sectionOf(page, hit)), [page, hit]);
  const passage = (
    <div className="beside-body">
      <Passage content={hit.content} highlights={hit.highlights} />
    </div>
  );
  if (page === undefined || section === null) return passage;
  return (
    <Suspense fallback={passage}>
      <SectionBody section={section} url={page.url} />
    </Suspense>
  );
}

function useRest(): boolean {
  const [isAtRest, setAtRest] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setAtRest(true), REST_MS);
    return () => clearTimeout(timer);
  }, []);
  return isAtRest;
}

function SectionBody({ section: { markdown, cited, marks }, url }: { section: Section; url: string }): ReactNode {
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const first = body.current?.querySelector<HTMLElement>("[data-cited]");
    if (first === null || first === undefined || body.current === null) return;
    // Not scrollIntoView: that would move the page too.
    body.current.scrollTop = first.offsetTop - body.current.offsetTop - body.current.clientHeight / 5;
  }, []);
  return (
    <div className="beside-body" ref={body} tabIndex={0} role="region" aria-label="The passage in its page">
      <Markdown markdown={markdown} baseUrl={url} cited={cited} marks={marks} under={2} />
    </div>
  );
}

interface Section {
  readonly markdown: string;
  readonly cited: { readonly start: number; readonly end: number };
  readonly marks: readonly Range[];
}

/** Null where the page has changed since, or the section is too long to be rendered. */
function sectionOf({ markdown, outline }: PageShape, hit: HitShape): Section | null {
  const [start = 0, end = 0, ...headings] = utf16Offsets(markdown, [hit.start, hit.end, ...outline.map((heading) => heading.offset)]);
  if (markdown.slice(start, end) !== hit.content) return null;
  const range = sectionAround(markdown, headings, [start, end]);
  if (range === null) return null;
  const [from, to] = range;
  return {
    markdown: markdown.slice(from, to),
    cited: { start: start - from, end: end - from },
    marks: utf16Ranges(hit.content, hit.highlights).map(([first, last]): Range => [first + start - from, last + start - from]),
  };
}
