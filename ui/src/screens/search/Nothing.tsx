// Before anything is typed: the searches of late, and what can be typed.

import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, type RefObject, useState } from "react";

import { useApp, useNewCrawl } from "../../components/app";
import { isEmptyQuery } from "../../data/sources";
import { visible } from "../../text/visible";
import { useChange } from "./change";
import { useFacets } from "./names";
import { forgetSearches, recentSearches } from "./recent";

export function Nothing({ field }: { field: RefObject<HTMLInputElement | null> }): ReactNode {
  const { api } = useApp();
  const isEmpty = useQuery(isEmptyQuery(api)).data;
  const sources = useFacets()?.sources;
  if (isEmpty === undefined) return null;
  if (isEmpty || sources?.length === 0) return <NoSource isCrawling={!isEmpty} />;
  return (
    <div className="stack">
      <Recent />
      <Tips field={field} />
    </div>
  );
}

function NoSource({ isCrawling }: { isCrawling: boolean }): ReactNode {
  const newCrawl = useNewCrawl();
  return (
    <div className="card pad stack">
      <h2>There is nothing to search yet</h2>
      <p className="muted">
        Crawl a documentation site first. Its pages can be searched as soon as they are stored.
        {isCrawling ? " What has been started is on the page of activity." : ""}
      </p>
      <p className="row">
        <button type="button" className="btn pri" onClick={newCrawl}>
          New crawl
        </button>
        {isCrawling ? (
          <Link className="btn" to="/activity">
            Activity
          </Link>
        ) : null}
      </p>
    </div>
  );
}

function Recent(): ReactNode {
  const [recent, setRecent] = useState(recentSearches);
  const change = useChange();
  if (recent.length === 0) return null;
  return (
    <section className="card pad stack" aria-label="Recent searches">
      <div className="row">
        <h2>Recent searches</h2>
        <span className="sp" />
        <button
          type="button"
          className="btn quiet small"
          onClick={() => {
            forgetSearches();
            setRecent([]);
          }}
        >
          Clear
        </button>
      </div>
      <ul className="row" data-testid="recent">
        {recent.map((query) => (
          <li key={query}>
            <button type="button" className="chip" onClick={() => change({ q: query })}>
              <span className="ell">{visible(query)}</span>
            </button>
          </li>
        ))}
      </ul>
      <p className="muted xs">Kept in this browser alone.</p>
    </section>
  );
}

const TIPS: readonly { readonly typed: string; readonly means: string }[] = [
  { typed: '"rate limit"', means: "These words, one after the other" },
  { typed: '-"rate limit"', means: "Without these words" },
  { typed: "code:create_task", means: "This must stand in code" },
  { typed: "site:docs.python.org", means: "Pages of a host, or below a URL" },
  { typed: "path:/library/", means: "Pages whose path begins so" },
  { typed: "source:python", means: "A source by its name, host or URL" },
  { typed: "tag:api", means: "Sources with a tag" },
  { typed: "lang:de", means: "Pages in a language" },
  { typed: "version:3.11", means: "Pages of a version" },
];

function Tips({ field }: { field: RefObject<HTMLInputElement | null> }): ReactNode {
  return (
    <section className="card pad stack" aria-label="What you can type">
      <h2>What you can type</h2>
      <p className="muted">
        A question, some words, a name, an error message: hits come as you type. Slips of the pen are put right, and other forms of a word are
        found too.
      </p>
      <dl className="tips sm">
        {TIPS.map(({ typed, means }) => (
          <div key={typed}>
            <dt>
              <code className="mono">{typed}</code>
            </dt>
            <dd className="muted">{means}</dd>
          </div>
        ))}
      </dl>
      <p className="muted sm">
        <kbd>/</kbd> goes to the{" "}
        <button type="button" className="link" onClick={() => field.current?.focus()}>
          field
        </button>
        , <kbd>↓</kbd> <kbd>j</kbd> <kbd>k</kbd> through the hits, <kbd>Enter</kbd> opens the page, <kbd>y</kbd> copies the hit with its source.
      </p>
    </section>
  );
}
