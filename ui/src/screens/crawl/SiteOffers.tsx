// What the site is, what its robots.txt says, and what else it was asked for.

import type { ReactNode } from "react";

import { count, counted, pathOf } from "../../text/format";
import { visible } from "../../text/visible";
import type { Outcome, PreviewShape, TriedShape } from "../../wire";
import type { Fact } from "./CrawlPreview";

export function siteFacts({ url, final_url: led, generator, robots, rendering_sign: sign, tried, is_complete: isComplete }: PreviewShape): Fact[] {
  const found = tried.filter(({ outcome }) => outcome === "found").map(placeText);
  const facts: (readonly [string, string | null])[] = [
    ["Leads to", led === url ? null : led],
    ["Made with", generator === "" ? null : generator],
    ["robots.txt", robotsText(robots)],
    ["Rendering", sign === null ? "not needed" : `needed: ${sign}`],
    ["Lists", found.length === 0 ? (tried.length === 0 ? null : "none of its pages itself") : found.join("; ")],
    ["Cut short", isComplete ? null : "there was no time to look at all that the site lists"],
  ];
  return facts.filter((fact): fact is Fact => fact[1] !== null);
}

function robotsText({ crawl_delay_seconds: delay, sitemaps }: PreviewShape["robots"]): string {
  const said = [
    "allows the start",
    ...(delay === null ? [] : [`asks for ${delay} s between requests`]),
    ...(sitemaps.length === 0 ? [] : [`names ${counted(sitemaps.length, "sitemap")}`]),
  ];
  return said.join(", ");
}

function placeText({ target, found, wanted }: TriedShape): string {
  return `${target} with ${counted(found, "page")}${wanted === found ? "" : `, ${count(wanted)} in scope`}`;
}

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  found: "found",
  not_there: "not there",
  not_usable: "something else is there",
  refused: "refused",
  too_large: "too large",
  failed: "failed",
  not_asked: "no time to ask",
};

function reasonText({ outcome, reason }: TriedShape): string {
  return reason === null || reason === "" || outcome === "not_there" ? "" : ` (${visible(reason.replaceAll("_", " "))})`;
}

export function SiteOffers({ tried }: { tried: readonly TriedShape[] }): ReactNode {
  if (tried.length === 0) return null;
  return (
    <details className="sm">
      <summary>The site was asked for {counted(tried.length, "list")}</summary>
      <ul className="offers fold">
        {tried.map((place) => (
          <li key={place.url}>
            <span className="mono xs ell" title={visible(place.url)}>
              {visible(pathOf(place.url))}
            </span>
            <span className="muted">
              {OUTCOMES[place.outcome]}
              {place.outcome === "found" ? `, ${counted(place.found, "page")}` : ""}
              {reasonText(place)}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
