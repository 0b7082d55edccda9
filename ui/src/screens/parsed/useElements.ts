// Which elements are shown, and which one is chosen: both stand in the URL.

import { useCallback, useDeferredValue, useMemo } from "react";

import type { InteractiveElement } from "../../wire";
import type { ParsedParams } from "./params";
import { useParsedParams } from "./useParsedParams";

export interface Elements {
  /** Those that fit the filter. */
  readonly shown: readonly InteractiveElement[];
  readonly selected: InteractiveElement | null;
  readonly choose: (id: string | null) => void;
  readonly filter: (change: Pick<ParsedParams, "role" | "q">) => void;
}

export function useElements(elements: readonly InteractiveElement[]): Elements {
  const { params, set } = useParsedParams();
  const { element: chosen, role, q = "" } = params;
  const wanted = useDeferredValue(q);
  const shown = useMemo(() => elements.filter((each) => fits(each, role, wanted)), [elements, role, wanted]);
  const selected = elements.find((each) => each.element_id === chosen) ?? null;
  const choose = useCallback((id: string | null) => set({ element: id ?? undefined }), [set]);
  return { shown, selected, choose, filter: set };
}

function fits(element: InteractiveElement, role: string | undefined, words: string): boolean {
  if (role !== undefined && element.role !== role) return false;
  if (words.trim() === "") return true;
  const { element_id: id, name, description, value, placeholder, href, locator } = element;
  const text = [id, name, description, value, placeholder, href, locator.selector].join(" ").toLowerCase();
  return words
    .toLowerCase()
    .trim()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
