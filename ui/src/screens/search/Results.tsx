// The passages that were found, with a preview of the chosen one where there is room.

import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Loading } from "../../components/Loading";
import { searchQuery } from "../../data/search";
import { counted } from "../../text/format";
import type { HitShape, SearchReply } from "../../wire";
import { useParamsOf } from "./change";
import { Corrections, Found, MoreHits, Notes, SearchFailure } from "./found";
import { HitCard } from "./HitCard";
import { HitList } from "./HitList";
import { copyableHit } from "./hitText";
import { MODE_WORDS } from "./modes";
import { useSourceNames } from "./names";
import { NoHits } from "./NoHits";
import { Preview } from "./Preview";
import { limitOf, searchRequest } from "./request";
import { useCopies } from "./useCopies";
import { useRemembered } from "./useRemembered";
import { useIsWide } from "./useWide";
import { ByWordsOnly } from "./wordsOnly";

export function Results(): ReactNode {
  const { api } = useApp();
  const params = useParamsOf();
  const { data, error, isPlaceholderData, refetch } = useQuery(searchQuery(api, searchRequest(params)));
  useRemembered(data !== undefined && !isPlaceholderData && data.hits.length > 0);
  if (error !== null) return <SearchFailure error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading text="Searching…" />;
  return (
    <div className={isPlaceholderData ? "stale" : undefined} aria-busy={isPlaceholderData}>
      <Found text={foundText(data, limitOf(params))} said={counted(data.hits.length, "passage")} />
      {data.mode === "keyword" && (params.mode ?? "hybrid") !== "keyword" ? <ByWordsOnly /> : null}
      <Corrections corrections={data.corrections} />
      <Notes notes={data.notes} />
      {data.hits.length === 0 ? <NoHits /> : <HitsAndPreview hits={data.hits} />}
      <MoreHits count={data.hits.length} />
    </div>
  );
}

function foundText({ hits, took_ms: ms, mode }: SearchReply, limit: number): string {
  const sources = new Set(hits.map((hit) => hit.source_id)).size;
  return [
    `${hits.length === limit ? "The best " : ""}${counted(hits.length, "passage")}${sources > 1 ? ` in ${counted(sources, "source")}` : ""}`,
    `${Math.max(1, Math.round(ms))} ms`,
    `by ${MODE_WORDS[mode].by}`,
  ].join(" · ");
}

function HitsAndPreview({ hits }: { hits: readonly HitShape[] }): ReactNode {
  const { hit: chosen } = useParamsOf();
  const isWide = useIsWide();
  const copies = useCopies();
  const nameOf = useSourceNames();
  const best = Math.max(...hits.map((hit) => hit.score), Number.MIN_VALUE);
  const current = hits.find((hit) => hit.chunk_id === chosen) ?? hits[0];
  return (
    <div className={isWide ? "with-preview" : undefined}>
      <HitList label="Passages" hits={hits.map(copyableHit)} copies={copies} isChosenByClick={isWide}>
        {(currentId) =>
          hits.map((hit, index) => (
            <HitCard
              key={hit.chunk_id}
              hit={hit}
              number={index + 1}
              best={best}
              source={nameOf(hit.source_id)}
              isCurrent={hit.chunk_id === currentId}
              hasPreview={isWide}
              copy={copies.copy}
            />
          ))
        }
      </HitList>
      {isWide && current !== undefined ? <Preview hit={current} source={nameOf(current.source_id)} copies={copies} /> : null}
      <p className="toast" role="status">
        {copies.said}
      </p>
    </div>
  );
}
