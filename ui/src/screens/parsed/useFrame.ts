// The part of the screenshot that is in view, and how large a pixel of the page is shown. Scrolls to what is chosen.

import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

import { scrollFor } from "../../text/overlay";
import type { Box, Size } from "../../wire";
import type { Zoom } from "./params";
import type { Place } from "./place";

interface Frame {
  readonly frame: RefObject<HTMLDivElement | null>;
  readonly inner: RefObject<HTMLDivElement | null>;
  /** In pixels of the page. */
  readonly view: Box;
  /** Screen pixels for one of the page. */
  readonly scale: number;
  readonly look: () => void;
}

interface Wanted {
  readonly chosen: Box | null;
  readonly place: Place | null;
}

export function useFrame(size: Size, zoom: Zoom | undefined, { chosen, place }: Wanted): Frame {
  const frame = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ scale: 1, view: { x: 0, y: 0, width: size.width, height: 800 } });
  const look = useCallback(() => {
    const [box, page] = [frame.current, inner.current];
    if (box === null || page === null || page.offsetWidth === 0) return;
    const scale = page.getBoundingClientRect().width / size.width;
    const view = { x: box.scrollLeft / scale, y: box.scrollTop / scale, width: box.clientWidth / scale, height: box.clientHeight / scale };
    setSeen({ scale, view });
  }, [size.width]);
  useLayoutEffect(look, [look, zoom]);
  useEffect(() => {
    const observer = new ResizeObserver(look);
    for (const element of [frame.current, inner.current]) if (element !== null) observer.observe(element);
    return () => observer.disconnect();
  }, [look]);
  useScrollTo(frame, inner, size, chosen, zoom);
  useScrollTo(frame, inner, size, place?.isWanted === true ? place.box : null, zoom);
  return { frame, inner, ...seen, look };
}

function useScrollTo(frame: Frame["frame"], inner: Frame["inner"], size: Size, box: Box | null, zoom: Zoom | undefined): void {
  useLayoutEffect(() => {
    const [outer, page] = [frame.current, inner.current];
    if (box === null || outer === null || page === null) return;
    const scale = page.getBoundingClientRect().width / size.width;
    const top = scrollFor(box.y * scale, box.height * scale, outer.scrollTop, outer.clientHeight);
    const left = scrollFor(box.x * scale, box.width * scale, outer.scrollLeft, outer.clientWidth);
    // Not scrollIntoView: that would move the page too.
    if (top !== null) outer.scrollTop = top;
    if (left !== null) outer.scrollLeft = left;
  }, [frame, inner, size.width, box, zoom]);
}
