// A list of hits for keyboard and screen reader. It is a list of links and not a listbox: an option of a listbox may hold
// nothing but text, so headings, marks and code would be lost to who listens. One link of the list is in the order of Tab;
// the others are reached with j, k and the arrows, and a link that gets the focus is the chosen hit.

import { type KeyboardEvent, type MouseEvent, type ReactNode, useEffect, useEffectEvent, useRef } from "react";

import { useShortcut } from "../../components/shortcuts";
import { useChoice, useParamsOf } from "./change";
import { type Copyable } from "./hitText";
import type { Copies } from "./useCopies";

const LINK = "[data-hit-link]";

interface Props {
  readonly label: string;
  readonly hits: readonly Copyable[];
  /** Null where nothing is chosen yet: then it is the first. */
  readonly copies: Copies;
  readonly children: (current: string | undefined) => ReactNode;
  /** Whether a click on a hit chooses it: there is a preview. Else it is for the link alone. */
  readonly isChosenByClick: boolean;
}

export function HitList({ label, hits, copies, children, isChosenByClick }: Props): ReactNode {
  const list = useRef<HTMLOListElement>(null);
  const { hit } = useParamsOf();
  const choose = useChoice();
  const current = hits.find(({ id }) => id === hit) ?? hits[0];
  const move = (step: (at: number) => number): void => {
    const links = linksOf(list.current);
    const at = links.findIndex((link) => link === document.activeElement);
    const to = at < 0 ? links.find((link) => link.tabIndex === 0) : links[Math.max(0, Math.min(links.length - 1, step(at)))];
    to?.focus();
    to?.closest("li")?.scrollIntoView({ block: "nearest" });
  };
  useShortcut("j", "Next hit", () => move((at) => at + 1));
  useShortcut("k", "Hit before", () => move((at) => at - 1));
  useShortcut("y", "Copy the hit as Markdown", () => {
    if (current !== undefined) copies.copy(current.markdown, `Hit ${hits.indexOf(current) + 1} copied as Markdown`);
  });
  useFirstFocus(list, hit);
  const moves: Readonly<Record<string, (at: number) => number>> = {
    ArrowDown: (at) => at + 1,
    ArrowUp: (at) => at - 1,
    Home: () => 0,
    End: () => hits.length - 1,
  };
  const press = (event: KeyboardEvent): void => {
    const step = moves[event.key];
    if (step === undefined || event.ctrlKey || event.metaKey || event.altKey || !isLink(event.target)) return;
    event.preventDefault();
    move(step);
  };
  const chooseOf = (target: EventTarget): void => {
    const id = target instanceof Element ? target.closest<HTMLElement>("[data-hit]")?.dataset.hit : undefined;
    if (id !== undefined && id !== hit) choose(id);
  };
  const click = (event: MouseEvent): void => {
    if (isChosenByClick && !isControl(event.target) && getSelection()?.isCollapsed !== false) chooseOf(event.target);
  };
  return (
    <ol
      className={isChosenByClick ? "res chosen-by-click" : "res"}
      aria-label={label}
      ref={list}
      onKeyDown={press}
      onClick={click}
      onFocus={(event) => {
        if (isLink(event.target)) chooseOf(event.target);
      }}
    >
      {children(current?.id)}
    </ol>
  );
}

/** Who comes back from a page, or by a link to a hit, goes on from that hit. */
function useFirstFocus(list: { readonly current: HTMLOListElement | null }, hit: string | undefined): void {
  const focus = useEffectEvent(() => {
    if (hit === undefined || document.activeElement !== document.body) return;
    const link = linksOf(list.current).find((some) => some.tabIndex === 0);
    link?.focus({ preventScroll: true });
    link?.closest("li")?.scrollIntoView({ block: "nearest" });
  });
  useEffect(() => focus(), []);
}

function linksOf(list: HTMLElement | null): HTMLElement[] {
  return [...(list?.querySelectorAll<HTMLElement>(LINK) ?? [])];
}

function isLink(target: EventTarget): boolean {
  return target instanceof Element && target.matches(LINK);
}

function isControl(target: EventTarget): boolean {
  return target instanceof Element && target.closest("a, button, summary, input, pre[tabindex]") !== null;
}
