// Whether there is room for a preview beside the list, and for the filters.

import { useSyncExternalStore } from "react";

const WIDE = "(min-width: 1120px)";
/** As in the style sheets. */
const NARROW = "(max-width: 820px)";

export function useIsWide(): boolean {
  return useMatch(WIDE);
}

export function useIsNarrow(): boolean {
  return useMatch(NARROW);
}

function useMatch(query: string): boolean {
  return useSyncExternalStore(
    (listener) => {
      const list = matchMedia(query);
      list.addEventListener("change", listener);
      return () => list.removeEventListener("change", listener);
    },
    () => matchMedia(query).matches,
  );
}
