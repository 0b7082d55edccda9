// The chosen hit in its section of the page, with what can be done with it.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { Icon } from "../../components/Icon";
import { PageSection } from "../../components/PageSection";
import { safeHref } from "../../text/visible";
import type { HitShape } from "../../wire";
import { crumbOf, copyableHit, hitTitle } from "./hitText";
import { Passage } from "./Passage";
import { WhyFound } from "./Score";
import { Twins } from "./Twins";
import type { Copies } from "./useCopies";

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
      <PageSection key={hit.chunk_id} cited={hit}>
        <Passage content={hit.content} highlights={hit.highlights} />
      </PageSection>
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
