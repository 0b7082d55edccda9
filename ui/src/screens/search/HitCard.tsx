// A hit in the list: where it is from, and the part of the passage that has what was looked for.

import { Link } from "@tanstack/react-router";
import { memo, type ReactNode } from "react";

import { safeHref } from "../../text/visible";
import type { HitShape } from "../../wire";
import { Icon } from "../../components/Icon";
import { copyableHit, hitTitle, shortCrumb } from "./hitText";
import { Passage, Snippet } from "./Passage";
import { Meter, WhyFound } from "./Score";
import { Twins, twinsText } from "./Twins";
import type { Copies } from "./useCopies";

interface Props {
  readonly hit: HitShape;
  readonly number: number;
  readonly best: number;
  readonly source: string;
  readonly isCurrent: boolean;
  /** Whether the rest of it is shown beside the list. */
  readonly hasPreview: boolean;
  readonly copy: Copies["copy"];
}

export const HitCard = memo(function HitCard({ hit, number, best, source, isCurrent, hasPreview, copy }: Props): ReactNode {
  return (
    <li
      className={isCurrent && hasPreview ? "card hit current" : "card hit"}
      aria-current={isCurrent && hasPreview ? "true" : undefined}
      data-testid="hit"
      data-hit={hit.chunk_id}
      data-chunk-id={hit.chunk_id}
    >
      <Crumb number={number} text={shortCrumb(source, hit)}>
        <Meter score={hit.score} best={best} />
      </Crumb>
      <h2>
        <Link
          to="/sources/$sourceId/pages/$pageId"
          params={{ sourceId: hit.source_id, pageId: hit.page_id }}
          hash={hit.chunk_id}
          tabIndex={isCurrent ? 0 : -1}
          data-hit-link=""
        >
          {hitTitle(hit)}
        </Link>
      </h2>
      {hasPreview ? (
        <>
          <Snippet content={hit.content} highlights={hit.highlights} />
          {hit.folded.length === 0 ? null : <p className="muted xs">{twinsText(hit.folded.length)}</p>}
        </>
      ) : (
        <>
          <Passage content={hit.content} highlights={hit.highlights} />
          <Twins twins={hit.folded} />
          <WhyFound hit={hit} />
          <div className="row">
            <button
              type="button"
              className="btn small"
              onClick={() => copy(copyableHit(hit).markdown, `Hit ${number} copied as Markdown`)}
            >
              <Icon name="copy" />
              Copy as Markdown
            </button>
            <Original url={hit.url} />
          </div>
        </>
      )}
    </li>
  );
});

export function Crumb({ number, text, children }: { number: number; text: string; children: ReactNode }): ReactNode {
  return (
    <div className="crumb">
      <span className="b number">{number}</span>
      <span className="ell" data-testid="breadcrumb" title={text}>
        {text}
      </span>
      <span className="sp" />
      {children}
    </div>
  );
}

export function Original({ url }: { url: string }): ReactNode {
  const href = safeHref(url);
  if (href === null) return null;
  return (
    <a href={href} target="_blank" rel="noreferrer noopener" aria-label="Open the original page" title="Open the original page" className="icon-link">
      <Icon name="external" />
    </a>
  );
}
