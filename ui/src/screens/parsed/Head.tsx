// How the page came and what it is: address, status, redirects, kind, whether it was kept, and where the time went.

import type { ReactNode } from "react";

import { useNow } from "../../components/useNow";
import { ago, count, counted, duration } from "../../text/format";
import { KIND_NAMES, milliseconds, percent, TIMED, TIMED_NAMES } from "../../text/parses";
import { visible } from "../../text/visible";
import type { ParsedPage, ParseShape, Timing } from "../../wire";
import { Target } from "./ElementDetail";

interface Props {
  readonly parse: ParseShape;
  readonly page: ParsedPage;
}

export function Head({ parse, page }: Props): ReactNode {
  const { navigation, meaning, viewport } = page;
  const notes = [...page.notes, ...meaning.notes];
  return (
    <section className="card pad note parsed-head" aria-label="The page" data-testid="parsed-head">
      <p className="row">
        <span className={`st plain ${navigation.status < 400 ? "ok" : "bad"}`}>HTTP {navigation.status}</span>
        <Target href={navigation.final_url} base={navigation.url} />
      </p>
      <Redirects from={navigation.url} hops={navigation.redirects} />
      <p className="row sm">
        <b data-testid="kind">{KIND_NAMES[meaning.kind]}</b>
        <span className="muted">
          {percent(meaning.confidence)} sure · {counted(page.element_count, "element")} · {counted(page.forms.length, "form")} ·{" "}
          {counted(page.tables.length, "table")} · window {count(viewport.width)} × {count(viewport.height)}
        </span>
        <Age parse={parse} />
      </p>
      <Times timing={page.timing} total={parse.processing_time_ms} isFromCache={parse.cache_hit} />
      {notes.length === 0 ? null : (
        <ul className="sm bullets">
          {notes.map((note) => (
            <li key={note} className="wrap">
              {visible(note)}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** `hops`: where it went after the address that was asked for, the last is where it ended. */
function Redirects({ from, hops }: { from: string; hops: readonly string[] }): ReactNode {
  if (hops.length === 0) return null;
  return (
    <details className="sm">
      <summary className="muted">{counted(hops.length, "redirect")}</summary>
      <ol className="redirects">
        {[from, ...hops].map((url, index) => (
          <li key={index} className="mono xs wrap">
            {visible(url)}
          </li>
        ))}
      </ol>
    </details>
  );
}

/** When it was loaded, and whether for this parse or for one before. */
function Age({ parse: { cache_hit: isHit, cache_age_seconds: age, parsed_at: at, expires_at: until } }: { parse: ParseShape }): ReactNode {
  const now = useNow(10_000);
  if (at === null) return null;
  const isKept = until !== null && Date.parse(until) > now;
  return (
    <span className="muted" data-testid="age">
      {isHit ? (
        <>
          <span className="tag">from the cache</span> {age === null ? "" : `was ${duration(age)} old, `}
        </>
      ) : null}
      loaded {ago(at, now)}
      {isKept ? `, answers equal requests for ${rounded((Date.parse(until) - now) / 1000)}` : ""}
    </span>
  );
}

function rounded(seconds: number): string {
  return duration(seconds < 60 ? seconds : Math.round(seconds / 60) * 60);
}

/** The time by step: a bar and, as it can't be read from that alone, in words. */
function Times({ timing, total, isFromCache }: { timing: Timing; total: number | null; isFromCache: boolean }): ReactNode {
  const spent = TIMED.map((name, index) => ({ name, index, ms: timing[name] })).filter(({ ms }) => ms >= 0.5);
  return (
    <div className="times" data-testid="times">
      <div className="times-bar" aria-hidden="true">
        {spent.map(({ name, index, ms }) => (
          <i key={name} className={`series-${index}`} style={{ flexGrow: ms }} title={`${TIMED_NAMES[name]}: ${milliseconds(ms)}`} />
        ))}
      </div>
      <ul className="xs muted num">
        {total === null ? null : (
          <li>
            <b>{milliseconds(total)}</b> in all
          </li>
        )}
        {isFromCache ? <li>when it was loaded:</li> : null}
        {spent.map(({ name, index, ms }) => (
          <li key={name}>
            <i className={`series-${index}`} aria-hidden="true" />
            {TIMED_NAMES[name]} {milliseconds(ms)}
          </li>
        ))}
      </ul>
    </div>
  );
}
