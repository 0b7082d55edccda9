// Brings what the URL's hash points at into view, and keeps it there while the rest of a long page comes in around it.

import { type ReactNode, type RefObject, useEffect } from "react";

/** How often it is looked whether the text is all there: what comes a little later, such as colours of code, moves it as well. */
const LOOK_MS = 2_000;
/** What a reader does to look elsewhere. */
const READER_MOVES = ["wheel", "touchmove", "pointerdown", "keydown"];

interface Props {
  /** Null: nothing is pointed at. */
  readonly selector: string | null;
  /** The hash: another one is another place, also where the selector is the same. */
  readonly of: string;
  readonly article: RefObject<HTMLElement | null>;
}

/** Stands beside the text, so that it waits with it. */
export function ScrollTo({ selector, of, article }: Props): ReactNode {
  useEffect(() => {
    const text = article.current;
    const place = selector === null ? null : text?.querySelector<HTMLElement>(selector);
    if (text === null || place === null || place === undefined) return;
    const isCited = place.dataset.cited !== undefined;
    const isInView = isCited && place.getBoundingClientRect().top >= 0 && place.getBoundingClientRect().top < innerHeight * 0.7;
    place.focus({ preventScroll: true });
    if (isInView) return;
    const show = (): void => place.scrollIntoView({ block: isCited ? "center" : "start" });
    show();
    const observer = new ResizeObserver(show);
    observer.observe(text);
    let wasThere = false;
    const timer = setInterval(() => {
      if (wasThere) stop();
      wasThere = text.querySelector("[aria-busy=true]") === null;
    }, LOOK_MS);
    const stop = (): void => {
      observer.disconnect();
      clearInterval(timer);
    };
    for (const move of READER_MOVES) addEventListener(move, stop, { passive: true, once: true });
    return () => {
      stop();
      for (const move of READER_MOVES) removeEventListener(move, stop);
    };
  }, [selector, of, article]);
  return null;
}
