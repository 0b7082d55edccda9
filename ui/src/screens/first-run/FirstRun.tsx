// `/`: the first thing to do when there is nothing yet; else on to the search.

import { useQuery } from "@tanstack/react-query";
import { Navigate } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { useApp } from "../../components/app";
import { CrawlForm, useStartCrawl } from "../crawl/CrawlForm";
import { InlineError, Loaded } from "../../components/Failure";
import { Heading } from "../../components/Heading";
import { Icon, type IconName } from "../../components/Icon";
import { healthQuery } from "../../data/server";
import { isEmptyQuery } from "../../data/sources";
import type { PartStatus } from "../../wire";

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
      <Readiness />
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
        <button type="button" className="btn" data-testid="run-example" disabled={isPending} onClick={() => start({ url })}>
          {isPending ? "Starting…" : "Crawl the example"}
        </button>
      </div>
      <InlineError error={error} />
    </div>
  );
}

const PARTS = [
  { name: "database", label: "Database" },
  { name: "embedder", label: "Embedding model" },
  { name: "browser", label: "Browser" },
  { name: "worker", label: "Worker" },
] as const;
const STATES: Readonly<Record<PartStatus, { readonly icon: IconName; readonly tone: string; readonly word: string }>> = {
  ok: { icon: "check", tone: "ok", word: "ready" },
  degraded: { icon: "alert", tone: "warn", word: "limited" },
  off: { icon: "slash", tone: "", word: "off" },
  failed: { icon: "cross", tone: "bad", word: "failed" },
};

function Readiness(): ReactNode {
  const { api } = useApp();
  return (
    <Loaded query={useQuery(healthQuery(api))}>
      {(health) => (
        <section className="card pad" aria-labelledby="ready">
          <h2 id="ready">{health.status === "ok" ? "Ready to crawl" : "Ready, with limits"}</h2>
          <ul className="steps">
            {PARTS.map(({ name, label }) => {
              const part = health.parts[name];
              if (part === undefined) return null;
              const { icon, tone, word } = STATES[part.status];
              return (
                <li key={name}>
                  <span className={`i ${tone}`}>
                    <Icon name={icon} />
                  </span>
                  <span>
                    {label} {word} <span className="muted sm">{part.message}</span>
                  </span>
                </li>
              );
            })}
          </ul>
        </section>
      )}
    </Loaded>
  );
}
