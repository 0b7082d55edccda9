// What a search found: numbered, with where each is from, marks on the words, and what its score is made of.

import { Link } from "@tanstack/react-router";
import { type ReactNode, type RefObject, useRef } from "react";

import { utf16Ranges } from "../../text/codePoints";
import { shortUrl } from "../../text/format";
import { safeHref, visible } from "../../text/visible";
import type { CodeHit, HitShape } from "../../wire";
import { CodeBlock, CodeContext } from "../../components/Code";
import { Icon } from "../../components/Icon";
import { Passage } from "./Passage";
import { useShortcut } from "../../components/shortcuts";

export function Hits({ hits }: { hits: readonly HitShape[] }): ReactNode {
  const list = useMoves();
  const best = Math.max(...hits.map((hit) => hit.score), Number.MIN_VALUE);
  return (
    <ol className="res" ref={list}>
      {hits.map((hit, index) => (
        <li key={hit.chunk_id} className="card hit" data-testid="hit" data-chunk-id={hit.chunk_id}>
          <Crumbs number={index + 1} url={hit.url} path={hit.heading_path}>
            <Score hit={hit} best={best} />
          </Crumbs>
          <h2>
            <Link
              to="/sources/$sourceId/pages/$pageId"
              params={{ sourceId: hit.source_id, pageId: hit.page_id }}
              hash={hit.chunk_id}
            >
              {visible(hit.title === "" ? shortUrl(hit.url) : hit.title)}
            </Link>
          </h2>
          <Passage content={hit.content} highlights={hit.highlights} />
        </li>
      ))}
    </ol>
  );
}

export function CodeHits({ hits }: { hits: readonly CodeHit[] }): ReactNode {
  const list = useMoves();
  return (
    <ol className="res" ref={list}>
      {hits.map((hit, index) => (
        <li key={hit.code_id} className="card hit" data-testid="hit-code" data-code-id={hit.code_id}>
          <Crumbs number={index + 1} url={hit.url} path={hit.heading_path}>
            <span className="num xs muted" title="Score by words">
              {hit.score.toPrecision(2)}
            </span>
          </Crumbs>
          <h2>
            <Link
              to="/sources/$sourceId/pages/$pageId"
              params={{ sourceId: hit.source_id, pageId: hit.page_id }}
              hash={`c${hit.start}-${hit.end}`}
            >
              {visible(hit.heading_path.at(-1) ?? hit.title)}
            </Link>
          </h2>
          <CodeContext of={hit} />
          <CodeBlock code={hit.code} language={hit.language} isGuessed={hit.is_guessed} marks={utf16Ranges(hit.code, hit.highlights)} />
        </li>
      ))}
    </ol>
  );
}

function Crumbs({ number, url, path, children }: { number: number; url: string; path: readonly string[]; children: ReactNode }): ReactNode {
  const href = safeHref(url);
  const host = href === null ? shortUrl(url) : new URL(href).host;
  return (
    <div className="crumb">
      <span className="b number">{number}</span>
      <span className="ell" data-testid="breadcrumb">
        {visible([host, ...path].join(" › "))}
      </span>
      {href === null ? null : (
        <a href={href} target="_blank" rel="noreferrer noopener" aria-label="Open the original page" title="Open the original page" className="icon-link">
          <Icon name="external" />
        </a>
      )}
      <span className="sp" />
      {children}
    </div>
  );
}

const PARTS = [
  { name: "keyword", label: "words" },
  { name: "vector", label: "meaning" },
] as const;

function Score({ hit: { score, scores }, best }: { hit: HitShape; best: number }): ReactNode {
  const parts = PARTS.flatMap(({ name, label }) => {
    const [part, rank, raw] = [scores[name], scores[`${name}_rank`], scores[`${name}_raw`]];
    return part === undefined ? [] : [{ label, part, rank, raw }];
  });
  return (
    <details className="score">
      <summary title="What the score is made of">
        <span className="meter" aria-hidden="true">
          <b style={{ width: `${Math.round((100 * score) / best)}%` }} />
        </span>
        <span className="num xs">
          <span className="sr">Score </span>
          {score.toFixed(3)}
        </span>
      </summary>
      <ul className="card pop xs num">
        {parts.map(({ label, part, rank, raw }) => (
          <li key={label}>
            by {label}: {part.toFixed(4)}
            <span className="muted">
              {rank === undefined ? "" : ` · rank ${rank}`}
              {raw === undefined ? "" : ` · raw ${raw.toFixed(2)}`}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}

/** j and k move between the results. */
function useMoves(): RefObject<HTMLOListElement | null> {
  const list = useRef<HTMLOListElement>(null);
  const move = (step: number): void => {
    const links = [...(list.current?.querySelectorAll<HTMLElement>("h2 a") ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[at < 0 ? 0 : Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  };
  useShortcut("j", "Next result", () => move(1));
  useShortcut("k", "Previous result", () => move(-1));
  return list;
}
