// What the page's text calls a place: pointed at, it shows on the screenshot; chosen, the screenshot is scrolled to it.

import { type ReactNode, use } from "react";

import type { Box } from "../../wire";
import { PlaceContext, usePointsAt } from "./place";

interface Props {
  readonly box: Box | null;
  readonly children: ReactNode;
}

export function PlaceButton({ box, children }: Props): ReactNode {
  const pointsAt = usePointsAt();
  if (box === null || box.width === 0 || box.height === 0) return <span className="wrap">{children}</span>;
  return (
    <button type="button" className="place-button wrap" {...pointsAt(box)}>
      {children}
    </button>
  );
}

/** Chooses an element. */
export function ElementButton({ id, children }: { id: string; children: ReactNode }): ReactNode {
  const { choose } = use(PlaceContext);
  return (
    <button type="button" className="link wrap" onClick={() => choose(id)}>
      {children}
    </button>
  );
}
