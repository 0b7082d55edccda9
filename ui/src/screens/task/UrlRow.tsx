// One URL of a crawl: what became of it and why, with the stored page and the site's own a click away.

import { Link } from "@tanstack/react-router";
import { memo, type ReactNode } from "react";

import { Icon } from "../../components/Icon";
import { adviceFor } from "../../text/failure";
import { count, counted, duration, pathOf } from "../../text/format";
import { reasonOf } from "../../text/reasons";
import { nearUrl, ORIGINS, sameAsText, WAYS } from "../../text/urls";
import { safeHref, visible } from "../../text/visible";
import type { UrlShape, UrlState } from "../../wire";

export const STATES: Readonly<Record<UrlState, { readonly label: string; readonly tone: string }>> = {
  queued: { label: "Waiting", tone: "" },
  stored: { label: "Stored", tone: "ok" },
  skipped: { label: "Skipped", tone: "" },
  failed: { label: "Failed", tone: "bad" },
};

interface Props {
  readonly row: UrlShape;
  readonly sourceId: unknown;
  readonly startUrl: string;
  /** Where the reason and what helps stand above. */
  readonly isBrief?: boolean;
}

/** Drawn again only when the row changed: a poll brings the same rows as new objects. */
export const UrlRow = memo(
  function UrlRow({ row, sourceId, startUrl, isBrief = false }: Props): ReactNode {
    const { label, tone } = STATES[row.state];
    const path = visible(nearUrl(row.url, startUrl));
    return (
      <li data-testid="url-row" data-state={row.state}>
        <span className={`st ${tone}`}>{label}</span>
        <div className="ell">
          {row.page_id !== null && typeof sourceId === "string" ? (
            <Link className="mono" to="/sources/$sourceId/pages/$pageId" params={{ sourceId, pageId: row.page_id }} title={visible(row.url)}>
              {path}
            </Link>
          ) : (
            <span className="mono" title={visible(row.url)}>
              {path}
            </span>
          )}{" "}
          <SiteLink url={row.url} path={path} />
          <Why row={row} isBrief={isBrief} />
        </div>
        <span className="muted num sm facts">
          {factsOf(row).join(" · ")} <Way row={row} />
        </span>
      </li>
    );
  },
  (before, now) => before.sourceId === now.sourceId && JSON.stringify(before.row) === JSON.stringify(now.row),
);

/** To the site itself; nothing where the address can't be opened. */
export function SiteLink({ url, path }: { url: string; path: string }): ReactNode {
  const href = safeHref(url);
  if (href === null) return null;
  return (
    <a className="icon-link" href={href} target="_blank" rel="noreferrer noopener" aria-label={`Open ${path} on its site`} title="Open it on its site">
      <Icon name="external" />
    </a>
  );
}

/** How it was found and got, where there is more to say than that a link led to it. */
function Way({ row: { origin, fetched_by: by, lastmod } }: { row: UrlShape }): ReactNode {
  const changed = lastmod === null ? "" : `, which says that it changed on ${lastmod.slice(0, 10)}`;
  return (
    <span className="way">
      <span className="tag" title={`${ORIGINS[origin].help}${changed}.`}>
        {ORIGINS[origin].label}
      </span>
      {by === null ? null : (
        <span className={by === "http" ? "tag" : "tag on"} title={`${WAYS[by].help}.`}>
          {WAYS[by].label}
        </span>
      )}
    </span>
  );
}

/** Why it gave no page, what helps, and which page led to it. */
function Why({ row, isBrief }: { row: UrlShape; isBrief: boolean }): ReactNode {
  const sameAs = sameAsText(row);
  const isSaid = sameAs === null || row.message?.includes(sameAs) === true;
  if (row.reason === null && row.found_on === null) return null;
  return (
    <p className="muted sm wrap">
      {row.reason === null ? null : (
        <>
          {row.message === null ? reasonOf(row.reason).help : visible(row.message)}{" "}
          {row.state === "failed" && !isBrief ? adviceFor(row.reason).todo : ""} {isBrief ? null : <code className="xs">{row.reason}</code>}{" "}
        </>
      )}
      {isSaid ? null : <span className="xs">same as {visible(sameAs)} </span>}
      {row.found_on === null ? null : <span className="xs">found on {visible(pathOf(row.found_on))}</span>}
    </p>
  );
}

function factsOf(row: UrlShape): string[] {
  const { status_code: status, chunks, code_examples: code, elapsed_seconds: seconds, attempts } = row;
  return [
    status === null ? null : String(status),
    chunks === null ? null : counted(chunks, "chunk"),
    code === null || code === 0 ? null : `${count(code)} code`,
    seconds === null ? null : seconds < 0.1 ? `${Math.round(seconds * 1000)} ms` : duration(seconds),
    attempts > 1 ? `${count(attempts)} attempts` : null,
  ].filter((fact) => fact !== null);
}
