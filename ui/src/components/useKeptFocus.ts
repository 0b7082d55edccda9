// Where what has the focus goes away with what it did (a row with its button, "Show more"), the focus would be nowhere, and
// a keyboard would begin anew at the top. Something near takes it.

import { useEffect } from "react";

const FOCUSABLE = "a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex='0']";
const LIST = "ul, ol, tbody";
/** What belongs together: beyond it the page's heading is nearer. */
const PART = "li, section, form, dialog, [role=tabpanel]";

export function useKeptFocus(): void {
  useEffect(() => {
    let last: Element | null = null;
    const note = ({ target }: Event): void => void (last = target instanceof Element ? target : null);
    // Who clicks beside everything means it.
    const forget = (): void => void (last = null);
    const observer = new MutationObserver((records) => {
      if (last === null || last.isConnected || document.activeElement !== document.body) return;
      const gone = last;
      const removal = records.find(({ removedNodes }) => [...removedNodes].some((node) => node.contains(gone)));
      // A page that is still on its way has no heading yet.
      const heading = document.querySelector<HTMLElement>("dialog[open] h2, h1") ?? document.querySelector<HTMLElement>("main");
      ((removal === undefined ? null : nearTo(removal, records)) ?? heading)?.focus({ preventScroll: true });
    });
    document.addEventListener("focusin", note);
    document.addEventListener("pointerdown", forget);
    observer.observe(document.body, { childList: true, subtree: true });
    return () => {
      document.removeEventListener("focusin", note);
      document.removeEventListener("pointerdown", forget);
      observer.disconnect();
    };
  }, []);
}

/** In a list the next row, or else the one before; below a list what came to it; elsewhere what took its place, or else what
 * comes before it in the same part of the page. */
function nearTo(removal: MutationRecord, all: readonly MutationRecord[]): HTMLElement | null {
  const { target: parent, previousSibling: before, nextSibling: after } = removal;
  if (!(parent instanceof Element) || !parent.isConnected) return null;
  const rows = parent.matches(LIST) ? [after, before] : [added(all, (place) => place.matches(LIST) && before?.contains(place) === true)];
  const link = rows.map(linkOf).find((place) => place !== null);
  if (link !== undefined) return link;
  const part = parent.closest(PART);
  if (part === null) return null;
  const places = focusables(part);
  const instead = added(all, (place) => place === parent);
  return places.find((place) => instead?.contains(place)) ?? places.findLast((place) => isBefore(place, parent, after)) ?? places[0] ?? null;
}

/** What came first to such a place. */
function added(all: readonly MutationRecord[], isThere: (place: Element) => boolean): Node | null {
  const record = all.find(({ target, addedNodes }) => addedNodes.length > 0 && target instanceof Element && isThere(target));
  return record?.addedNodes[0] ?? null;
}

/** A row's link rather than its buttons: a key that is pressed once more must not do the same to the next row. */
function linkOf(row: Node | null): HTMLElement | null {
  if (!(row instanceof Element) || !row.isConnected) return null;
  const places = focusables(row);
  return places.find((place) => place.matches("a, [data-row-link]")) ?? places[0] ?? null;
}

function isBefore(place: Element, parent: Element, after: Node | null): boolean {
  const end = after?.isConnected === true ? after : null;
  if (end !== null) return (place.compareDocumentPosition(end) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
  return parent.contains(place) || (place.compareDocumentPosition(parent) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0;
}

function focusables(part: Element): readonly HTMLElement[] {
  return [...part.querySelectorAll<HTMLElement>(FOCUSABLE)].filter((place) => place.tabIndex >= 0 && place.checkVisibility());
}
