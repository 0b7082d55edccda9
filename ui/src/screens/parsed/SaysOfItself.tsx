// What the document says of itself in its head.

import { Fragment, type ReactNode } from "react";

import { count } from "../../text/format";
import { visible } from "../../text/visible";
import type { Head } from "../../wire";
import { Fold } from "./Fold";
import { Target } from "./ElementDetail";

export function SaysOfItself({ head, url }: { head: Head; url: string }): ReactNode {
  const { title, language, direction, charset, canonical, meta, open_graph: graph, json_ld: linked, alternates } = head;
  const facts: readonly (readonly [string, ReactNode])[] = [
    ["Title", title === "" ? <span className="muted">none</span> : visible(title)],
    ["Language", [language ?? "not said", direction === "rtl" ? "right to left" : null].filter((some) => some !== null).join(", ")],
    ["Characters", charset === "" ? "not said" : visible(charset)],
    ["Canonical", canonical === null ? "none" : <Target key="canonical" href={canonical} base={url} />],
    ...Object.entries(meta).map(([name, value]) => [visible(name), visible(value)] as const),
    ...Object.entries(graph).map(([name, value]) => [visible(name.startsWith("og:") ? name : `og:${name}`), visible(value)] as const),
    ...(alternates.length === 0 ? [] : [["Alternates", count(alternates.length)] as const]),
  ];
  return (
    <Fold title="What it says of itself" size={null} none="">
      <dl className="pairs">
        {facts.map(([name, value], index) => (
          <Fragment key={index}>
            <dt className="muted sm wrap">{name}</dt>
            <dd className="sm wrap">{value}</dd>
          </Fragment>
        ))}
      </dl>
      {linked.length === 0 ? null : (
        <details className="sm pad">
          <summary>JSON-LD <span className="muted num">{count(linked.length)}</span></summary>
          <pre tabIndex={0} aria-label="JSON-LD">{visible(JSON.stringify(linked, null, 2))}</pre>
        </details>
      )}
    </Fold>
  );
}
