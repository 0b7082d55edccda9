// The filters that are on, each to be taken away.

import type { ReactNode } from "react";

import { Icon } from "../../components/Icon";
import { useChange } from "./change";
import { useFiltersOn } from "./filtersOn";
import { NO_FILTERS } from "./waysOut";

export function Chips(): ReactNode {
  const change = useChange();
  const on = useFiltersOn();
  if (on.length === 0) return null;
  return (
    <ul className="row chips" aria-label="Filters that are on">
      {on.map(({ label, change: takeAway }) => (
        <li key={label}>
          <button type="button" className="chip" aria-label={`Remove filter ${label}`} onClick={() => change(takeAway)}>
            <span className="ell">{label}</span>
            <Icon name="cross" />
          </button>
        </li>
      ))}
      {on.length < 2 ? null : (
        <li>
          <button type="button" className="link sm" onClick={() => change(NO_FILTERS)}>
            Clear all
          </button>
        </li>
      )}
    </ul>
  );
}
