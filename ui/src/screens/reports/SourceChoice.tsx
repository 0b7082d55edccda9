// Which sources a report looks through: all, or some of them.

import type { ReactNode } from "react";

import { counted } from "../../text/format";
import { sourceName } from "../../text/sources";
import { visible } from "../../text/visible";
import type { SourceShape } from "../../wire";

interface Props {
  readonly sources: readonly SourceShape[];
  readonly chosen: ReadonlySet<string> | "all";
  readonly onChange: (chosen: ReadonlySet<string> | "all") => void;
}

export function SourceChoice({ sources, chosen, onChange }: Props): ReactNode {
  const toggle = (id: string): void => {
    const now = new Set(chosen === "all" ? [] : chosen);
    if (!now.delete(id)) now.add(id);
    onChange(now);
  };
  return (
    <fieldset>
      <legend>Sources</legend>
      <label className="chk">
        <input type="radio" name="which" checked={chosen === "all"} onChange={() => onChange("all")} /> All sources
      </label>
      <label className="chk">
        <input type="radio" name="which" checked={chosen !== "all"} onChange={() => onChange(new Set())} /> Some of them
      </label>
      {chosen === "all" ? null : (
        <ul className="report-sources" aria-label="Sources to look through">
          {sources.map((source) => (
            <li key={source.source_id}>
              <label className="chk">
                <input type="checkbox" checked={chosen.has(source.source_id)} onChange={() => toggle(source.source_id)} />
                <span className="wrap">{visible(sourceName(source))}</span> <span className="muted sm num">{counted(source.pages, "page")}</span>
              </label>
            </li>
          ))}
        </ul>
      )}
      {sources.length === 0 ? <p className="muted sm">There is no source yet: crawl a site first, or nothing will be found.</p> : null}
    </fieldset>
  );
}
