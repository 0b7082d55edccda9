// The page's headings beside its text. The one whose section is being read is marked.

import { type ReactNode, type RefObject, useEffect, useRef, useState } from "react";

import { HashLink } from "../../components/HashLink";
import { anchorHash, rangeHash } from "../../text/pageHash";
import { headingId } from "../../text/tamePage";
import { visible } from "../../text/visible";
import type { HeadingShape, PageShape } from "../../wire";

interface Props {
  readonly page: PageShape;
  /** Of each heading, in UTF-16 units. */
  readonly offsets: readonly number[];
  readonly article: RefObject<HTMLElement | null>;
}

export function Outline({ page: { outline }, offsets, article }: Props): ReactNode {
  const current = useCurrent(offsets, article);
  const nav = useRef<HTMLElement>(null);
  const [isWide] = useState(() => matchMedia("(min-width: 1001px)").matches);
  useEffect(() => keepInView(nav.current), [current]);
  if (outline.length === 0) return null;
  const top = Math.min(...outline.map((heading) => heading.level));
  const go = (index: number): void => {
    const heading = document.getElementById(headingId(offsets[index] ?? 0));
    heading?.scrollIntoView({ block: "start" });
    heading?.focus({ preventScroll: true });
  };
  return (
    <nav className="outline" aria-label="On this page" ref={nav}>
      <details open={isWide}>
        <summary className="b sm">On this page</summary>
        <ul>
          {outline.map((heading, index) => (
            <li key={heading.offset} className={`level-${Math.min(4, heading.level - top)}`}>
              <HashLink hash={hashOf(heading)} className="sm" isCurrent={index === current} onGo={() => go(index)}>
                {visible(plain(heading.text))}
              </HashLink>
            </li>
          ))}
        </ul>
      </details>
    </nav>
  );
}

function hashOf({ anchor, offset }: HeadingShape): string {
  return anchor === null ? rangeHash(offset, offset + 1) : anchorHash(anchor);
}

/** A heading without the signs of code and emphasis, which an outline does not need. */
function plain(text: string): string {
  return text.replaceAll("`", "").replace(/\\([!-/:-@[-`{-~])/g, "$1");
}

/** Of the list itself, never of the page: that is being scrolled. */
function keepInView(nav: HTMLElement | null): void {
  const link = nav?.querySelector<HTMLElement>('[aria-current="true"]');
  if (nav === null || link === null || link === undefined || nav.scrollHeight <= nav.clientHeight) return;
  const [frame, place] = [nav.getBoundingClientRect(), link.getBoundingClientRect()];
  if (place.top < frame.top + 40) nav.scrollTop -= frame.top + 40 - place.top;
  else if (place.bottom > frame.bottom - 16) nav.scrollTop += place.bottom - frame.bottom + 16;
}

const READING_LINE = 96;

/** The heading above the line where one reads; the first one before that. */
function useCurrent(offsets: readonly number[], article: RefObject<HTMLElement | null>): number {
  const [current, setCurrent] = useState(0);
  useEffect(() => {
    let frame = 0;
    const look = (): void => {
      frame = 0;
      const offset = offsetAtLine(article.current);
      setCurrent(offset === null ? 0 : Math.max(0, offsets.findLastIndex((heading) => heading <= offset)));
    };
    const later = (): void => {
      frame ||= requestAnimationFrame(look);
    };
    later();
    addEventListener("scroll", later, { passive: true });
    addEventListener("resize", later);
    return () => {
      cancelAnimationFrame(frame);
      removeEventListener("scroll", later);
      removeEventListener("resize", later);
    };
  }, [offsets, article]);
  return current;
}

/** How far into the page the reading line is. Only headings of the part on that line are measured: those far away are not laid out. */
function offsetAtLine(article: HTMLElement | null): number | null {
  const parts = [...(article?.querySelectorAll<HTMLElement>(".part[data-start]") ?? [])];
  const isAtEnd = innerHeight + scrollY >= document.documentElement.scrollHeight - 2 && scrollY > 0;
  const line = isAtEnd ? innerHeight : READING_LINE;
  const part = parts.findLast((some) => some.getBoundingClientRect().top <= line);
  if (part === undefined) return null;
  const headings = [...part.querySelectorAll<HTMLElement>('[id^="at-"]')];
  const above = headings.findLast((heading) => heading.getBoundingClientRect().top <= line);
  return above === undefined ? Number(part.dataset.start) - 1 : Number(above.id.slice("at-".length));
}
