// Nothing was found: what to try, each with a button.

import type { ReactNode } from "react";

import { useChange } from "./change";
import { useWaysOut } from "./filtersOn";

export function NoHits(): ReactNode {
  const change = useChange();
  const ways = useWaysOut();
  return (
    <div className="card pad stack" data-testid="no-hits">
      <h2>Nothing was found</h2>
      <p className="muted">Look over the spelling, or try fewer or other words. You can also search:</p>
      <ul className="row">
        {ways.map(({ label, change: way }) => (
          <li key={label}>
            <button type="button" className="btn" onClick={() => change(way)}>
              {label}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}
