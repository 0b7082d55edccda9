// Says that a crawl of this address would refresh a source that is there, and offers to do just that.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useEffect, useState } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { useNow } from "../../components/useNow";
import { knownSourceQuery } from "../../data/crawls";
import { ago, counted, shortUrl } from "../../text/format";
import { visible } from "../../text/visible";

const PAUSE_MS = 300;

interface Props {
  readonly url: string;
  readonly isStarting: boolean;
  readonly onRefresh: (sourceId: string) => void;
}

export function KnownSource({ url, isStarting, onRefresh }: Props): ReactNode {
  const { api } = useApp();
  const now = useNow(60_000);
  const { data: source } = useQuery(knownSourceQuery(api, useSettled(url)));
  return (
    <div role="status" className="known-place">
      {source === undefined || source === null ? null : (
        <div className="known sm" data-testid="known-source">
          <p className="wrap">
            <Link to="/sources/$sourceId" params={{ sourceId: source.source_id }}>
              {visible(source.title || shortUrl(source.url))}
            </Link>{" "}
            is here already: {counted(source.pages, "page")}, last touched {ago(source.updated_at, now)}. A crawl refreshes it, with the
            options below in place of those that it has; it stays searchable meanwhile.
          </p>
          <Button className="btn small" isOff={isStarting} onClick={() => onRefresh(source.source_id)}>
            Refresh with its own options
          </Button>
        </div>
      )}
    </div>
  );
}

/** The text once nobody has typed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
