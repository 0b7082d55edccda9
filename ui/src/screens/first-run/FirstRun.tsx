// `/`: the first thing to do when there is nothing yet; else on to the search.

import { useQuery } from "@tanstack/react-query";
import { Navigate } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { Button } from "../../components/buttons";
import { InlineError, Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { healthQuery } from "../../data/server";
import { isEmptyQuery } from "../../data/sources";
import { CrawlForm } from "../crawl/CrawlForm";
import { Uploads } from "../crawl/Uploads";
import { useStartCrawl } from "../crawl/useStartCrawl";
import "./first-run.css";
import { Readiness } from "./Readiness";

export function FirstRun(): ReactNode {
  const { api } = useApp();
  const isEmpty = useQuery(isEmptyQuery(api));
  return <Loaded query={isEmpty}>{(empty) => (empty ? <Welcome /> : <Navigate to="/search" replace />)}</Loaded>;
}

function Welcome(): ReactNode {
  return (
    <div className="empty">
      <Heading title="Welcome" className="welcome" takesFocus={false}>
        Add your first documentation site
      </Heading>
      <p className="muted">
        Paste the address of any docs page. gleanery finds the rest of the site, and you can search it as soon as the
        first pages are stored.
      </p>
      <CrawlForm isLarge />
      <Example />
      <Uploads />
      <Readiness />
      <WhatHappens />
    </div>
  );
}

function Example(): ReactNode {
  const { api } = useApp();
  const url = useQuery(healthQuery(api)).data?.example_url ?? null;
  const { start, isPending, error } = useStartCrawl();
  if (url === null) return null;
  return (
    <div className="stack">
      <p className="muted sm">Or try the bundled example: a small site on this server, no internet needed.</p>
      <div className="row">
        <Button className="btn" data-testid="run-example" isOff={isPending} onClick={() => start({ url })}>
          {isPending ? "Starting…" : "Crawl the example"}
        </Button>
      </div>
      <InlineError error={error} />
    </div>
  );
}

const STEPS = [
  ["It looks at the site", "Its robots.txt, its sitemap and the first page tell how far the site goes and what may be read."],
  ["It reads the pages", "You see each one come in, what was left out and why. Nothing outside the address's folder is taken."],
  ["You search", "From the first stored page on, by words and by meaning. A refresh takes only what has changed."],
] as const;

function WhatHappens(): ReactNode {
  return (
    <section aria-labelledby="then" className="stack">
      <h2 id="then">What happens then</h2>
      <ol className="steps then">
        {STEPS.map(([title, text], index) => (
          <li key={title}>
            <span className="i" aria-hidden="true">
              {index + 1}
            </span>
            <span>
              {title} <span className="muted sm">{text}</span>
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
}
