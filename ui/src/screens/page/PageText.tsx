// The page's text beside its outline: scrolled to what is cited, with the borders of its chunks on request.

import { useQuery } from "@tanstack/react-query";
import { useNavigate, useRouterState, useSearch } from "@tanstack/react-router";
import { lazy, type ReactNode, Suspense, useCallback, useMemo, useRef } from "react";

import { useApp } from "../../components/app";
import { Loading } from "../../components/Loading";
import { useShortcut } from "../../components/shortcuts";
import { chunksQuery } from "../../data/pages";
import type { Border } from "../../text/chunkBorders";
import { utf16Offsets } from "../../text/codePoints";
import { readHash } from "../../text/pageHash";
import { headingId } from "../../text/tamePage";
import type { ChunkShape, PageShape } from "../../wire";
import { ChunkMark } from "./ChunkMark";
import { Outline } from "./Outline";
import { ScrollTo } from "./ScrollTo";
import { useLinks } from "./useLinks";

const Markdown = lazy(async () => ({ default: (await import("../../components/Markdown")).Markdown }));
const FROM = "/sources/$sourceId/pages/$pageId";

export function ChunkSwitch(): ReactNode {
  const { chunks } = useSearch({ from: FROM });
  const navigate = useNavigate({ from: FROM });
  const isShown = chunks === "shown";
  const toggle = (): void =>
    void navigate({ search: isShown ? {} : { chunks: "shown" }, hash: true, replace: true, resetScroll: false });
  useShortcut("b", "Borders of the chunks", toggle);
  return (
    <button type="button" className="chip" aria-pressed={isShown} onClick={toggle}>
      Chunk borders
    </button>
  );
}

interface Props {
  readonly page: PageShape;
  /** An old version has no chunks any more. */
  readonly isOld: boolean;
}

export function PageText({ page, isOld }: Props): ReactNode {
  const { chunks: shown } = useSearch({ from: FROM });
  const hash = useRouterState({ select: ({ location }) => location.hash });
  const target = useMemo(() => readHash(hash), [hash]);
  const wantsChunks = !isOld && (shown === "shown" || target.kind === "chunk");
  const chunks = useChunks(page, wantsChunks);
  const offsets = useMemo(() => utf16Offsets(page.markdown, page.outline.map((heading) => heading.offset)), [page]);
  const anchorAt = target.kind === "anchor" ? page.outline.findIndex((heading) => heading.anchor === target.anchor) : -1;
  const cited = useMemo(() => {
    if (target.kind === "range") return rangeIn(page.markdown, target.range[0], target.range[1]);
    const chunk = target.kind === "chunk" ? chunks.find((some) => some.chunk_id === target.chunkId) : undefined;
    return chunk === undefined ? null : rangeIn(page.markdown, chunk.start, chunk.end);
  }, [page.markdown, target, chunks]);
  const isShown = shown === "shown" && !isOld;
  const borders = useMemo(() => (isShown ? bordersOf(page.markdown, chunks) : NO_BORDERS), [isShown, page.markdown, chunks]);
  const article = useRef<HTMLElement>(null);
  const id = target.kind === "anchor" ? (anchorAt >= 0 ? headingId(offsets[anchorAt] ?? 0) : noteId(target.anchor)) : null;
  const renderBorder = useCallback((ordinal: number) => <ChunkMark chunk={chunks.find((some) => some.ordinal === ordinal)} hash={hash} />, [chunks, hash]);
  const renderLink = useLinks(page);
  return (
    <div className="cols page-cols">
      <Outline page={page} offsets={offsets} article={article} />
      <article ref={article} className="card pad page-body">
        <Suspense fallback={<Loading />}>
          <Markdown
            markdown={page.markdown}
            baseUrl={page.url}
            cited={cited}
            wanted={anchorAt >= 0 ? offsets[anchorAt] : undefined}
            borders={borders}
            renderBorder={renderBorder}
            renderLink={renderLink}
          />
          <ScrollTo selector={id === null ? (cited === null ? null : "[data-cited]") : `[id="${CSS.escape(id)}"]`} of={hash} article={article} />
        </Suspense>
        {page.markdown.trim() === "" ? <p className="muted">This page has no text.</p> : null}
      </article>
    </div>
  );
}

const NO_CHUNKS: readonly ChunkShape[] = [];
const NO_BORDERS: readonly Border[] = [];

function useChunks(page: PageShape, isWanted: boolean): readonly ChunkShape[] {
  const { api } = useApp();
  return useQuery({ ...chunksQuery(api, page.source_id, page.page_id), enabled: isWanted }).data ?? NO_CHUNKS;
}

function bordersOf(markdown: string, chunks: readonly ChunkShape[]): readonly Border[] {
  const places = utf16Offsets(markdown, chunks.map((chunk) => chunk.start));
  return chunks.map(({ ordinal }, index) => ({ ordinal, at: places[index] ?? 0 }));
}

function rangeIn(markdown: string, from: number, to: number): { start: number; end: number } {
  const [start = 0, end = 0] = utf16Offsets(markdown, [from, to]);
  return { start, end };
}

/** Only the notes have ids of their own beside the headings. */
function noteId(anchor: string): string | null {
  return /^page-fn(ref)?-/.test(anchor) ? anchor : null;
}
