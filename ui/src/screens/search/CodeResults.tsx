// The code examples that were found, by language.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { memo, type ReactNode } from "react";

import { useApp } from "../../components/app";
import { CodeBlock, CodeContext } from "../../components/Code";
import { Icon } from "../../components/Icon";
import { Loading } from "../../components/Loading";
import { searchCodeQuery } from "../../data/search";
import { utf16Ranges } from "../../text/codePoints";
import { count, counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { CodeHit } from "../../wire";
import { useChange, useParamsOf } from "./change";
import { Corrections, Found, MoreHits, Notes, SearchFailure } from "./found";
import { Crumb, Original } from "./HitCard";
import { HitList } from "./HitList";
import { codeHash, codeTitle, copyableCode, shortCrumb } from "./hitText";
import { useFacets, useSourceNames } from "./names";
import { NoHits } from "./NoHits";
import { codeRequest, limitOf } from "./request";
import { type Copies, useCopies } from "./useCopies";
import { useRemembered } from "./useRemembered";

export function CodeResults(): ReactNode {
  const { api } = useApp();
  const params = useParamsOf();
  const { data, error, isPlaceholderData, refetch } = useQuery(searchCodeQuery(api, codeRequest(params)));
  useRemembered(data !== undefined && !isPlaceholderData && data.hits.length > 0);
  if (error !== null) return <SearchFailure error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <Loading text="Searching…" />;
  const number = counted(data.hits.length, "code example");
  const text = `${data.hits.length === limitOf(params) ? "The best " : ""}${number} · ${Math.max(1, Math.round(data.took_ms))} ms · by words`;
  return (
    <>
      <Languages />
      <div className={isPlaceholderData ? "stale" : undefined} aria-busy={isPlaceholderData}>
        <Found text={text} said={number} />
        <Corrections corrections={data.corrections} />
        <Notes notes={data.notes} />
        {data.hits.length === 0 ? <NoHits /> : <CodeHits hits={data.hits} />}
        <MoreHits count={data.hits.length} />
      </div>
    </>
  );
}

const MOST_LANGUAGES = 12;

/** The languages of the code that there is, those with the most first. */
function Languages(): ReactNode {
  const facets = useFacets();
  const { language: chosen } = useParamsOf();
  const change = useChange();
  const all = facets?.code_languages ?? [];
  const shown = all.filter(({ value }, index) => index < MOST_LANGUAGES || value === chosen);
  const isGone = chosen !== undefined && !all.some(({ value }) => value === chosen);
  if (shown.length === 0 && !isGone) return null;
  const chip = (value: string, number: number | null): ReactNode => (
    <button
      key={value}
      type="button"
      className="chip"
      aria-pressed={value === chosen}
      onClick={() => change({ language: value === chosen ? undefined : value })}
    >
      {visible(value)} {number === null ? null : <span className="muted num xs">{count(number)}</span>}
    </button>
  );
  return (
    <div className="row languages" role="group" aria-label="Language of the code">
      {isGone ? chip(chosen, null) : null}
      {shown.map(({ value, count: number }) => chip(value, number))}
    </div>
  );
}

function CodeHits({ hits }: { hits: readonly CodeHit[] }): ReactNode {
  const copies = useCopies();
  const nameOf = useSourceNames();
  return (
    <>
      <HitList label="Code examples" hits={hits.map(copyableCode)} copies={copies} isChosenByClick={false}>
        {(currentId) =>
          hits.map((hit, index) => (
            <CodeCard
              key={hit.code_id}
              hit={hit}
              number={index + 1}
              source={nameOf(hit.source_id)}
              isCurrent={hit.code_id === currentId}
              copy={copies.copy}
            />
          ))
        }
      </HitList>
      <p className="toast" role="status">
        {copies.said}
      </p>
    </>
  );
}

interface CardProps {
  readonly hit: CodeHit;
  readonly number: number;
  readonly source: string;
  readonly isCurrent: boolean;
  readonly copy: Copies["copy"];
}

const CodeCard = memo(function CodeCard({ hit, number, source, isCurrent, copy }: CardProps): ReactNode {
  return (
    <li className="card hit" data-testid="hit-code" data-hit={hit.code_id} data-code-id={hit.code_id}>
      <Crumb number={number} text={shortCrumb(source, hit)}>
        <button
          type="button"
          className="btn quiet small"
          onClick={() => copy(copyableCode(hit).markdown, `Hit ${number} copied as Markdown`)}
        >
          <Icon name="copy" />
          With source
        </button>
        <Original url={hit.url} />
      </Crumb>
      <h2>
        <Link
          to="/sources/$sourceId/pages/$pageId"
          params={{ sourceId: hit.source_id, pageId: hit.page_id }}
          hash={codeHash(hit)}
          tabIndex={isCurrent ? 0 : -1}
          data-hit-link=""
        >
          {codeTitle(hit)}
        </Link>
      </h2>
      <CodeContext of={hit} />
      <CodeBlock code={hit.code} language={hit.language} isGuessed={hit.is_guessed} marks={utf16Ranges(hit.code, hit.highlights)} />
    </li>
  );
});
