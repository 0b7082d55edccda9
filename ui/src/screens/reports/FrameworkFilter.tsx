// Which framework's reports are shown: chips, the choice being links.

import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { visible } from "../../text/visible";
import type { FrameworkSummary } from "../../wire";

export function FrameworkFilter({ frameworks }: { frameworks: readonly FrameworkSummary[] }): ReactNode {
  const ids = [...new Set(frameworks.map((each) => each.framework_id))];
  if (ids.length < 2) return null;
  return (
    <nav aria-label="Frameworks of the reports">
      <ul className="row report-choice">
        <li>
          <Choice label="All frameworks" />
        </li>
        {ids.map((id) => (
          <li key={id}>
            <Choice label={id} framework={id} />
          </li>
        ))}
      </ul>
    </nav>
  );
}

function Choice({ label, framework }: { label: string; framework?: string }): ReactNode {
  const now = useSearch({ from: "/reports" }).framework;
  return (
    <Link
      to="/reports"
      search={framework === undefined ? {} : { framework }}
      className="chip"
      aria-current={now === framework ? "true" : undefined}
      activeOptions={{ exact: true, includeSearch: true }}
      resetScroll={false}
    >
      <span className="wrap">{visible(label)}</span>
    </Link>
  );
}
