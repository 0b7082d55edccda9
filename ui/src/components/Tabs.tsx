// Tabs after the WAI-ARIA pattern: arrow keys move, the choice is the caller's (it lives in the URL).

import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef } from "react";

export interface Tab<Name extends string> {
  readonly name: Name;
  readonly label: string;
  readonly badge?: ReactNode;
}

interface Props<Name extends string> {
  readonly label: string;
  readonly tabs: readonly Tab<Name>[];
  readonly current: Name;
  readonly onChoose: (name: Name) => void;
  readonly tools?: ReactNode;
  readonly children: ReactNode;
}

const STEPS: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 };

export function Tabs<Name extends string>({ label, tabs, current, onChoose, tools, children }: Props<Name>): ReactNode {
  const id = useId();
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const box = list.current;
    if (box === null) return;
    // Tells at once, and whenever the page has become narrower or wider.
    const observer = new ResizeObserver(() => showTab(box, document.getElementById(`${id}-${current}`)));
    observer.observe(box);
    return () => observer.disconnect();
  }, [id, current]);
  const move = (event: KeyboardEvent<HTMLDivElement>): void => {
    const step = STEPS[event.key];
    if (step === undefined) return;
    // From the one that has the focus: the URL may still be on its way to it.
    const at = tabs.findIndex((tab) => document.activeElement?.id === `${id}-${tab.name}`);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    if (next === undefined) return;
    event.preventDefault();
    onChoose(next.name);
    document.getElementById(`${id}-${next.name}`)?.focus();
  };
  return (
    <>
      <div className="tabs">
        <div ref={list} role="tablist" aria-label={label} onKeyDown={move}>
          {tabs.map((tab) => (
            <button
              key={tab.name}
              type="button"
              role="tab"
              id={`${id}-${tab.name}`}
              aria-selected={tab.name === current}
              aria-controls={`${id}-panel`}
              tabIndex={tab.name === current ? 0 : -1}
              onClick={() => onChoose(tab.name)}
            >
              {tab.label} {tab.badge}
            </button>
          ))}
        </div>
        {tools}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${current}`}>
        {children}
      </div>
    </>
  );
}

/** On a phone the tabs are wider than the page: the current one is moved into view, sideways only. */
function showTab(box: HTMLElement, tab: HTMLElement | null): void {
  if (tab === null || tab.offsetWidth === 0) return;
  const left = tab.getBoundingClientRect().left - box.getBoundingClientRect().left + box.scrollLeft;
  if (left < box.scrollLeft || left + tab.offsetWidth > box.scrollLeft + box.clientWidth) box.scrollLeft = left - 24;
}
