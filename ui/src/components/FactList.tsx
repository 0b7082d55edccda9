// Settings as they were used: names and values, also ones that this UI doesn't know.

import type { ReactNode } from "react";

import { visible } from "../text/visible";
import type { Facts } from "../wire";

export function FactList({ facts }: { facts: Facts }): ReactNode {
  return (
    <dl className="card pad settings tab-body">
      {Object.entries(facts).map(([name, value]) => (
        <div key={name}>
          <dt className="muted sm">{name.replaceAll("_", " ")}</dt>
          <dd className="mono wrap">{valueText(value)}</dd>
        </div>
      ))}
    </dl>
  );
}

function valueText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "none" : visible(value.map(String).join(", "));
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (value === null || value === undefined) return "none";
  return visible(typeof value === "string" ? value : JSON.stringify(value));
}
