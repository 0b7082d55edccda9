// A stored page as rendered Markdown. Its text is hostile: no raw HTML, no images, no target but web and mail.
// A long page is rendered part by part: what is looked at first, the rest in the pauses after.

import "./markdown.css";

import { type ComponentProps, createContext, memo, type ReactNode, startTransition, use, useDeferredValue, useEffect, useMemo, useState } from "react";
import ReactMarkdown, { type Components } from "react-markdown";
import remarkGfm from "remark-gfm";

import { type Border, markBorders } from "../text/chunkBorders";
import { headingLevels } from "../text/headingLevels";
import { CODE_MARKS, codeMarksOf, markPage } from "../text/markPage";
import { byNearness, type Notes, notesOf, type Part, partAt, partsOf } from "../text/pageParts";
import { type Cited, tamePage } from "../text/tamePage";
import { safeHref } from "../text/visible";
import type { Range } from "../wire";
import { CodeBlock } from "./Code";

interface Props {
  readonly markdown: string;
  /** What relative links are relative to. */
  readonly baseUrl: string;
  /** In UTF-16 units of `markdown`. */
  readonly cited: Cited | null;
  /** What a search found, in the same units, sorted. */
  readonly marks?: readonly Range[];
  /** The level of the heading that it stands below, where it is a part of a page and may begin with any level. */
  readonly under?: number;
  /** A place that has to be there at once, in the same units. */
  readonly wanted?: number | undefined;
  readonly borders?: readonly Border[];
  /** How a border between two chunks is drawn. */
  readonly renderBorder?: (ordinal: number) => ReactNode;
  /** How a link is drawn; undefined: as one that leads out. */
  readonly renderLink?: (link: PageLink) => ReactNode;
}

export interface PageLink {
  readonly href: string;
  readonly className: string | undefined;
  readonly children: ReactNode;
  /** Of a link to or from a note. */
  readonly id: string | undefined;
}

interface Drawing {
  readonly renderBorder: (ordinal: number) => ReactNode;
  readonly renderLink: (link: PageLink) => ReactNode;
}

export function OutLink({ href, className, children }: PageLink): ReactNode {
  return (
    <a href={href} className={className} target="_blank" rel="noreferrer noopener nofollow ugc">
      {children}
    </a>
  );
}

const DrawingContext = createContext<Drawing>({ renderBorder: () => null, renderLink: OutLink });
const NO_BORDERS: readonly Border[] = [];
const NO_MARKS: readonly Range[] = [];

export function Markdown(props: Props): ReactNode {
  const { markdown, baseUrl, cited, marks = NO_MARKS, under, wanted, borders = NO_BORDERS, renderBorder, renderLink } = props;
  // Levels are told from all headings together.
  const parts = useMemo(() => (under === undefined ? partsOf(markdown) : wholeOf(markdown)), [markdown, under]);
  const notes = useMemo(() => notesOf(markdown), [markdown]);
  const first = partAt(parts, wanted ?? cited?.start ?? 0);
  const isRendered = useRendered(parts, first);
  const laterBorders = useDeferredValue(borders);
  const bordersOf = useMemo(() => byPart(parts, laterBorders), [parts, laterBorders]);
  const marksOf = useMemo(() => marks.length === 0 ? [] : parts.map((part) => marksIn(part, marks)), [parts, marks]);
  const drawing = useMemo(
    () => ({ renderBorder: renderBorder ?? (() => null), renderLink: renderLink ?? OutLink }),
    [renderBorder, renderLink],
  );
  return (
    <DrawingContext value={drawing}>
      <div className="prose" aria-busy={!parts.every((_, index) => isRendered(index))}>
        {parts.map((part, index) => {
          const isCited = cited !== null && cited.start < part.end && cited.end > part.start;
          return isRendered(index) ? (
            <RenderedPart
              key={part.start}
              part={part}
              notes={notes}
              baseUrl={baseUrl}
              cited={isCited ? cited : null}
              marks={marksOf[index] ?? NO_MARKS}
              under={under}
              borders={bordersOf[index] ?? NO_BORDERS}
            />
          ) : (
            <div key={part.start} className="part" data-start={part.start} style={{ minHeight: `${likelyHeight(part)}px` }} />
          );
        })}
        {notes.text === "" ? null : <NotesPart notes={notes} baseUrl={baseUrl} />}
      </div>
    </DrawingContext>
  );
}

interface PartProps {
  readonly part: Part;
  readonly notes: Notes;
  readonly baseUrl: string;
  readonly cited: Cited | null;
  /** In UTF-16 units of the part's text. */
  readonly marks: readonly Range[];
  readonly under: number | undefined;
  readonly borders: readonly Border[];
}

const RenderedPart = memo(function RenderedPart({ part, notes, baseUrl, cited, marks, under, borders }: PartProps): ReactNode {
  return (
    <div className="part" data-start={part.start}>
      <Rendered
        text={part.text}
        baseUrl={baseUrl}
        plugins={[
          [markPage, part.text, marks],
          [markBorders, borders, part.text, part.shift],
          [tamePage, { cited, shift: part.shift, notes: "go", noteNumbers: notes.numbers }],
          ...(under === undefined ? [] : [[headingLevels, under] satisfies [unknown, number]]),
        ]}
      />
    </div>
  );
});

const NotesPart = memo(function NotesPart({ notes, baseUrl }: { notes: Notes; baseUrl: string }): ReactNode {
  return (
    <div className="part notes">
      <Rendered text={notes.text} baseUrl={baseUrl} plugins={[[tamePage, { cited: null, shift: 0, notes: "alone", noteNumbers: notes.numbers }]]} />
    </div>
  );
});

interface RenderedProps {
  readonly text: string;
  readonly baseUrl: string;
  readonly plugins: ComponentProps<typeof ReactMarkdown>["rehypePlugins"];
}

function Rendered({ text, baseUrl, plugins = [] }: RenderedProps): ReactNode {
  return (
    <ReactMarkdown
      remarkPlugins={[remarkGfm]}
      rehypePlugins={plugins}
      components={COMPONENTS}
      urlTransform={(url) => safeHref(url, baseUrl)}
      remarkRehypeOptions={{ clobberPrefix: "page-", footnoteLabel: "Notes", footnoteLabelProperties: {} }}
    >
      {text}
    </ReactMarkdown>
  );
}

const COMPONENTS: Components = {
  a: ({ href, children, className, id }) =>
    typeof href !== "string" || href === "" ? (
      <span className={className}>{children}</span>
    ) : (
      <DrawnLink href={href} className={className} id={id}>
        {children}
      </DrawnLink>
    ),
  span: ({ node, children, className }) => {
    const ordinal = node?.properties["data-chunk"];
    return typeof ordinal === "string" ? <DrawnBorder ordinal={Number(ordinal)} /> : <span className={className}>{children}</span>;
  },
  // The box of an entry in a list of things to do: nothing that can be pressed.
  input: ({ checked }) => (
    <span role="img" aria-label={checked === true ? "Done" : "To do"}>
      {checked === true ? "☑" : "☐"}
    </span>
  ),
  pre: ({ node, children }) => {
    const code = node?.children[0];
    if (code?.type !== "element") return <pre>{children}</pre>;
    const text = code.children.map((child) => (child.type === "text" ? child.value : "")).join("");
    const { className, "data-cited": first, tabIndex } = node?.properties ?? {};
    const isCited = Array.isArray(className) && className.includes("cited");
    return (
      <div data-cited={first} className={isCited ? "cited" : undefined} tabIndex={typeof tabIndex === "number" ? tabIndex : undefined}>
        <CodeBlock
          code={text.replace(/\n$/, "")}
          language={languageOf(code.properties.className)}
          marks={codeMarksOf(node?.properties[CODE_MARKS])}
        />
      </div>
    );
  },
  table: ({ node, children, className }) => (
    <div className="table-frame" tabIndex={0} role="group" aria-label="Table" data-cited={node?.properties["data-cited"]}>
      <table className={className}>{children}</table>
    </div>
  ),
};

function DrawnLink(link: PageLink): ReactNode {
  return use(DrawingContext).renderLink(link);
}

function DrawnBorder({ ordinal }: { ordinal: number }): ReactNode {
  return use(DrawingContext).renderBorder(ordinal);
}

const AT_ONCE_CHARS = 9_000;
const STEP_CHARS = 3_000;

const NONE: ReadonlySet<number> = new Set();

/** Which parts are rendered: those from `first` on that fill a screen, then the others by and by, the nearest first. */
function useRendered(parts: readonly Part[], first: number): (index: number) => boolean {
  const [done, setDone] = useState({ of: parts, parts: NONE });
  const rendered = useMemo(
    () => new Set([...(done.of === parts ? done.parts : NONE), ...fitting(parts, byNearness(parts.length, first), AT_ONCE_CHARS)]),
    [done, parts, first],
  );
  useEffect(() => {
    const missing = byNearness(parts.length, first).filter((index) => !rendered.has(index));
    if (missing.length === 0) return;
    const timer = setTimeout(() => {
      const more = fitting(parts, missing, STEP_CHARS);
      startTransition(() => setDone({ of: parts, parts: new Set([...rendered, ...more]) }));
    });
    return () => clearTimeout(timer);
  }, [parts, rendered, first]);
  return (index) => rendered.has(index);
}

/** The first of `order` that are not longer than `chars` together, one at least. */
function fitting(parts: readonly Part[], order: readonly number[], chars: number): readonly number[] {
  let left = chars;
  return order.filter((index, at) => {
    const isIn = at === 0 || left > 0;
    left -= parts[index]?.text.length ?? 0;
    return isIn;
  });
}

function wholeOf(markdown: string): readonly Part[] {
  return [{ start: 0, end: markdown.length, text: markdown, shift: 0 }];
}

function marksIn(part: Part, marks: readonly Range[]): readonly Range[] {
  return marks.filter(([start, end]) => start < part.end && end > part.start).map(([start, end]) => [start - part.shift, end - part.shift] as const);
}

function byPart(parts: readonly Part[], borders: readonly Border[]): readonly (readonly Border[])[] {
  if (borders.length === 0) return [];
  return parts.map((part) => borders.filter(({ at }) => at >= part.start && at < part.end));
}

/** About as high as it will be, so that little moves when it comes. */
function likelyHeight({ text }: Part): number {
  return Math.round(text.length * 0.38);
}

function languageOf(className: unknown): string | null {
  const names = Array.isArray(className) ? className.map(String) : [];
  return names.find((name) => name.startsWith("language-"))?.slice("language-".length) ?? null;
}
