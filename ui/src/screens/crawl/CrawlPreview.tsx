// What a crawl would take and skip, and why, before it is started.

import type { ReactNode } from "react";

import { count, counted, duration, shortUrl } from "../../text/format";
import { reasonOf } from "../../text/reasons";
import { visible } from "../../text/visible";
import type { BranchShape, PreviewShape, TriedShape } from "../../wire";

const MODES: Readonly<Record<PreviewShape["mode"], string>> = {
  single: "One page",
  site: "Whole site",
  recursive: "Along its links",
};
const MOST_FOLDERS = 12;

export function CrawlPreview({ found }: { found: PreviewShape }): ReactNode {
  return (
    <section className="preview" aria-label="Preview" aria-live="polite" data-testid="preview-found">
      <p className="b wrap">{visible(found.title === "" ? shortUrl(found.final_url) : found.title)}</p>
      <p className="sm wrap">
        <span className="st run">{MODES[found.mode]}</span> {visible(found.sentence)}
      </p>
      <dl className="preview-facts sm">
        {factsOf(found).map(([name, value]) => (
          <div key={name + value}>
            <dt className="muted">{name}</dt>
            <dd className="wrap">{visible(value)}</dd>
          </div>
        ))}
      </dl>
      <Tree root={found.scope} />
      <Skipped found={found} />
    </section>
  );
}

function factsOf({ url, final_url: led, generator, estimate, robots, rendering_sign: sign, tried, is_complete: isComplete }: PreviewShape): [string, string][] {
  const { pages, is_whole: isWhole, seconds, tokens } = estimate;
  const time = seconds < 1 ? "under a second" : `about ${duration(seconds)}`;
  const facts: [string, string | null][] = [
    ["Estimate", `${counted(pages, "page")}${isWhole ? "" : " known so far"}, ${time}${tokens === 0 ? "" : `, about ${counted(tokens, "token")}`}`],
    ["Leads to", led === url ? null : led],
    ["Made with", generator === "" ? null : generator],
    ["robots.txt", robots.crawl_delay_seconds === null ? "allows it" : `allows it, with ${robots.crawl_delay_seconds} s between requests`],
    ["Rendering", sign === null ? "not needed" : `needed: ${sign}`],
    ...tried.filter((place) => place.outcome === "found").map((place): [string, string] => ["Found", placeText(place)]),
    ["Cut short", isComplete ? null : "there was no time to look at all that the site lists"],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}

function placeText({ target, found, wanted }: TriedShape): string {
  return `${target} with ${counted(found, "page")}${wanted === found ? "" : `, ${count(wanted)} in scope`}`;
}

/** The folders with the most pages: those of the first that has several, with a bar each. */
function Tree({ root }: { root: BranchShape }): ReactNode {
  let top = root;
  for (let only = top.children[0]; only !== undefined && only.pages === top.pages; only = top.children[0]) top = only;
  const shown = [top, ...top.children.slice(0, MOST_FOLDERS)];
  const hidden = top.children.length - MOST_FOLDERS;
  return (
    <div>
      <h3 className="sm">Would be taken</h3>
      <ul className="folders sm" aria-label="Folders">
        {shown.map((branch) => (
          <li key={branch.path} className={branch === top ? "" : "inner"}>
            <span className="mono ell" title={visible(branch.path)}>
              {visible(branch === top ? branch.path : branch.path.slice(top.path.length))}
            </span>
            <span className="track" aria-hidden="true">
              <b className="fill" style={{ transform: `scaleX(${branch.pages / Math.max(1, top.pages)})` }} />
            </span>
            <span className="num muted">{count(branch.pages)}</span>
          </li>
        ))}
      </ul>
      {hidden > 0 ? <p className="muted xs">and {counted(hidden, "folder")} more</p> : null}
    </div>
  );
}

function Skipped({ found }: { found: PreviewShape }): ReactNode {
  const reasons = Object.entries(found.skipped).sort((a, b) => b[1] - a[1]);
  if (reasons.length === 0) return null;
  const total = reasons.reduce((sum, [, size]) => sum + size, 0);
  return (
    <details className="sm">
      <summary>{counted(total, "known address", "known addresses")} would be left out</summary>
      <ul className="stack pad">
        {reasons.map(([reason, size]) => (
          <li key={reason} className="wrap">
            <b className="num">{count(size)}</b> {visible(reasonOf(reason).label)}{" "}
            <span className="muted">{reasonOf(reason).help}</span>
            <span className="muted mono xs ell block" title={visible(found.examples[reason]?.join("\n") ?? "")}>
              {visible(found.examples[reason]?.[0] ?? "")}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
