// A place on the page that the text beside the screenshot speaks of: shown while it is pointed at, scrolled to when chosen.

import { createContext, use } from "react";

import type { Box } from "../../wire";

export interface Place {
  readonly box: Box;
  /** Whether the screenshot is to be scrolled to it. */
  readonly isWanted: boolean;
}

interface Places {
  readonly place: Place | null;
  readonly setPlace: (place: Place | null) => void;
  /** Chooses an element, by its id. */
  readonly choose: (id: string | null) => void;
}

export const PlaceContext = createContext<Places>({ place: null, setPlace: () => undefined, choose: () => undefined });

interface PointsAt {
  readonly onPointerEnter: () => void;
  readonly onPointerLeave: () => void;
  readonly onFocus: () => void;
  readonly onBlur: () => void;
  readonly onClick: () => void;
}

/** What a button takes that stands for a place. */
export function usePointsAt(): (box: Box) => PointsAt {
  const { setPlace } = use(PlaceContext);
  return (box) => ({
    onPointerEnter: () => setPlace({ box, isWanted: false }),
    onPointerLeave: () => setPlace(null),
    onFocus: () => setPlace({ box, isWanted: true }),
    onBlur: () => setPlace(null),
    onClick: () => setPlace({ box, isWanted: true }),
  });
}
