// A passage of the evidence in its page, with its quotes marked; links to where it stands here and on its site.

import { Link } from "@tanstack/react-router";
import { type ReactNode, type RefObject, useEffect, useMemo, useRef } from "react";

import { Icon } from "../../components/Icon";
import { PageSection } from "../../components/PageSection";
import { passageName, quoteRanges } from "../../text/compliance";
import { safeHref, visible } from "../../text/visible";
import type { Passage, Quote } from "../../wire";
import { WholePassage } from "../search/Passage";

interface Props {
  readonly passage: Passage;
  readonly quotes: readonly Quote[];
  /** Whether it was chosen from the list, and not led to by a link. */
  readonly isChosenHere: RefObject<boolean>;
}

export function PassagePage({ passage, quotes, isChosenHere }: Props): ReactNode {
  const { source_id: sourceId, page_id: pageId, chunk_id: chunkId, url } = passage;
  const href = safeHref(url);
  const cited = useMemo(() => ({ ...passage, highlights: quoteRanges(passage, quotes) }), [passage, quotes]);
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a narrow screen it stands below the list: out of sight of who chooses there.
    if (isChosenHere.current) section.current?.scrollIntoView({ block: "nearest" });
  }, [isChosenHere]);
  return (
    <section ref={section} className="card passage-page" aria-label="The page" data-testid="passage-page">
      <div className="passage-head">
        <h4 className="wrap">
          <Link to="/sources/$sourceId/pages/$pageId" params={{ sourceId, pageId }} hash={chunkId}>
            {visible(passageName(passage))}
          </Link>
        </h4>
        {href === null ? (
          <span className="muted xs wrap">{visible(url)}</span>
        ) : (
          <a href={href} className="xs wrap" target="_blank" rel="noreferrer noopener nofollow">
            {visible(url)} <Icon name="external" className="inline" />
          </a>
        )}
      </div>
      <PageSection cited={cited} under={4} changed={<p className="muted sm">The page reads otherwise now. This is the passage as it was found:</p>}>
        <WholePassage content={passage.content} highlights={cited.highlights} />
      </PageSection>
    </section>
  );
}
