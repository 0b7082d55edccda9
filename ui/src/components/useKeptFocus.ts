// Where the button that has the focus goes away with what it did, the focus would be nowhere: the page's heading takes it.

import { type RefObject, useEffect } from "react";

/** `box`: what holds the buttons. */
export function useKeptFocus(box: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const element = box.current;
    let last: EventTarget | null = null;
    const keep = (event: FocusEvent): void => void (last = event.target);
    const observer = new MutationObserver(() => {
      const isLost = last instanceof Element && !last.isConnected && document.activeElement === document.body;
      if (isLost) document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    });
    element?.addEventListener("focusin", keep);
    if (element !== null) observer.observe(element, { childList: true, subtree: true });
    return () => {
      element?.removeEventListener("focusin", keep);
      observer.disconnect();
    };
  }, [box]);
}
