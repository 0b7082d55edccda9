// What a crawl would take and skip, and why, before it is started. What it takes and costs follows the folders switched off.

import { type ReactNode, useEffect, useRef } from "react";

import { Button } from "../../components/buttons";
import { shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { EstimateShape, PreviewShape } from "../../wire";
import { costText, about, pagesText, priceText, timeText } from "./estimate";
import { LeftOut } from "./LeftOut";
import { type Branch, estimateOf, type Off, patternsOf } from "./scope";
import { ScopeTree } from "./ScopeTree";
import { SiteOffers, siteFacts } from "./SiteOffers";

const MODES: Readonly<Record<PreviewShape["mode"], string>> = {
  single: "One page",
  site: "Whole site",
  recursive: "Along its links",
};

interface Props {
  readonly found: PreviewShape;
  readonly scope: Branch;
  readonly off: Off;
  readonly onSwitch: (off: Off) => void;
  readonly isStale: boolean;
  readonly onLookAgain: () => void;
  readonly isStarting: boolean;
}

export function CrawlPreview({ found, scope, off, onSwitch, isStale, onLookAgain, isStarting }: Props): ReactNode {
  const section = useRef<HTMLElement>(null);
  useEffect(() => {
    section.current?.scrollIntoView({ block: "nearest" }); // gives a promise in newer browsers, which is no clean-up
    // The button that looked again went with the old preview.
    if (document.activeElement === document.body) section.current?.focus({ preventScroll: true });
  }, [found]);
  const estimate = estimateOf(found.estimate, scope, off);
  return (
    <section className="preview" aria-label="Preview" data-testid="preview-found" tabIndex={-1} ref={section}>
      <p className="b wrap">{visible(found.title === "" ? shortUrl(found.final_url) : found.title)}</p>
      <p className="sm wrap">
        <span className="st run">{MODES[found.mode]}</span> {visible(found.sentence)}
      </p>
      {isStale ? <Stale onLookAgain={onLookAgain} /> : null}
      <FactList facts={[...estimateFacts(estimate), ...siteFacts(found)]} />
      <ScopeTree scope={scope} off={off} onSwitch={onSwitch} />
      <SwitchedOff patterns={patternsOf(scope, off)} />
      <LeftOut found={found} />
      <SiteOffers tried={found.tried} />
      <StartBar estimate={estimate} isStarting={isStarting} />
    </section>
  );
}

export type Fact = readonly [name: string, value: string];

function estimateFacts(estimate: EstimateShape): Fact[] {
  return [
    ["Takes", pagesText(estimate)],
    ["Time", timeText(estimate)],
    ["Cost", costText(estimate)],
  ];
}

function FactList({ facts }: { facts: readonly Fact[] }): ReactNode {
  return (
    <dl className="preview-facts sm">
      {facts.map(([name, value]) => (
        <div key={name + value}>
          <dt className="muted">{name}</dt>
          <dd className="wrap">{visible(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Stale({ onLookAgain }: { onLookAgain: () => void }): ReactNode {
  return (
    <p className="sm row" role="status">
      The options have changed since.
      <button type="button" className="btn small" onClick={onLookAgain}>
        Look again
      </button>
    </p>
  );
}

function SwitchedOff({ patterns }: { patterns: readonly string[] }): ReactNode {
  if (patterns.length === 0) return null;
  return (
    <p className="sm wrap" data-testid="switched-off">
      <span className="muted">Left out by</span>{" "}
      {patterns.map((pattern) => (
        <code key={pattern} className="tag mono">
          {visible(pattern)}
        </code>
      ))}
    </p>
  );
}

/** Stays in view below a long tree. */
function StartBar({ estimate, isStarting }: { estimate: EstimateShape; isStarting: boolean }): ReactNode {
  return (
    <div className="start-bar">
      <p className="sm" role="status" data-testid="preview-sum">
        <b className="num">{pagesText(estimate)}</b>, {about(estimate.seconds)}, {priceText(estimate)}
      </p>
      <Button type="submit" className="btn pri" data-testid="start-previewed" isOff={isStarting}>
        {isStarting ? "Starting…" : "Crawl this"}
      </Button>
    </div>
  );
}
