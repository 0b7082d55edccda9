// A passage in its section of the page, scrolled to and marked.

import "./page-section.css";

import { useQuery } from "@tanstack/react-query";
import { lazy, type ReactNode, Suspense, useEffect, useMemo, useRef, useState } from "react";

import { pageQuery } from "../data/pages";
import { utf16Offsets, utf16Ranges } from "../text/codePoints";
import { sectionAround } from "../text/section";
import type { PageShape, Range } from "../wire";
import { useApp } from "./app";

const Markdown = lazy(async () => ({ default: (await import("./Markdown")).Markdown }));
/** Who goes through a list quickly asks for the pages where they stay. */
const REST_MS = 120;

/** Offsets in code points of the page's Markdown; highlights in those of the content. */
interface CitedPassage {
  readonly page_id: string;
  readonly content: string;
  readonly start: number;
  readonly end: number;
  readonly highlights: readonly Range[];
}

interface Props {
  readonly cited: CitedPassage;
  /** Said where the page is there but does not have the passage any more. */
  readonly changed?: ReactNode;
  /** The level of the heading that it stands below. */
  readonly under?: number;
  /** The passage by itself, until its page is there. */
  readonly children: ReactNode;
}

export function PageSection({ cited, changed = null, under = 2, children }: Props): ReactNode {
  const { api } = useApp();
  const isAtRest = useRest();
  const page = useQuery({ ...pageQuery(api, cited.page_id), enabled: isAtRest }).data;
  const section = useMemo(() => (page === undefined ? null : sectionOf(page, cited)), [page, cited]);
  const passage = (
    <div className="beside-body">
      {section === "changed" ? changed : null}
      {children}
    </div>
  );
  if (page === undefined || section === null || section === "changed") return passage;
  return (
    <Suspense fallback={passage}>
      <SectionBody section={section} url={page.url} under={under} />
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

function SectionBody({ section: { markdown, cited, marks }, url, under }: { section: Section; url: string; under: number }): ReactNode {
  const body = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const box = body.current;
    const first = box?.querySelector<HTMLElement>("[data-cited]") ?? null;
    if (box === null || first === null) return;
    const topOf = (place: Element): number => place.getBoundingClientRect().top - box.getBoundingClientRect().top + box.scrollTop;
    const mark = box.querySelector("mark");
    // Of a long passage the marked words rather than its beginning.
    const place = mark !== null && topOf(mark) - topOf(first) > box.clientHeight * 0.6 ? mark : first;
    // Not scrollIntoView: that would move the page too.
    box.scrollTop = topOf(place) - box.clientHeight / 5;
  }, []);
  return (
    <div className="beside-body" ref={body} tabIndex={0} role="region" aria-label="The passage in its page">
      <Markdown markdown={markdown} baseUrl={url} cited={cited} marks={marks} under={under} />
    </div>
  );
}

interface Section {
  readonly markdown: string;
  readonly cited: { readonly start: number; readonly end: number };
  readonly marks: readonly Range[];
}

/** Null where the section is too long to be rendered. */
function sectionOf({ markdown, outline }: PageShape, cited: CitedPassage): Section | "changed" | null {
  const [start = 0, end = 0, ...headings] = utf16Offsets(markdown, [cited.start, cited.end, ...outline.map((heading) => heading.offset)]);
  if (markdown.slice(start, end) !== cited.content) return "changed";
  const range = sectionAround(markdown, headings, [start, end]);
  if (range === null) return null;
  const [from, to] = range;
  return {
    markdown: markdown.slice(from, to),
    cited: { start: start - from, end: end - from },
    marks: utf16Ranges(cited.content, cited.highlights).map(([first, last]): Range => [first + start - from, last + start - from]),
  };
}
