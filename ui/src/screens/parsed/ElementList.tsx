// The elements as a list box: only the rows in view are in the document. The arrows choose, and the screenshot follows.

import { type KeyboardEvent, type ReactNode, useEffect, useId, useLayoutEffect, useRef, useState } from "react";

import { numberOf, scrollFor } from "../../text/overlay";
import { visible } from "../../text/visible";
import type { InteractiveElement } from "../../wire";

const ROW_PX = 32;
const OVERSCAN = 6;
const PAGE_ROWS = 10;

interface Props {
  readonly shown: readonly InteractiveElement[];
  readonly selected: InteractiveElement | null;
  readonly hovered: string | null;
  readonly onHover: (id: string | null) => void;
  readonly onChoose: (id: string | null) => void;
}

export function ElementList({ shown, selected, hovered, onHover, onChoose }: Props): ReactNode {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 480 });
  const at = shown.findIndex((element) => element.element_id === selected?.element_id);
  const look = (): void => {
    if (box.current !== null) setView({ top: box.current.scrollTop, height: box.current.clientHeight });
  };
  useEffect(() => {
    if (box.current === null) return;
    const observer = new ResizeObserver(look);
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  const latest = useRef(at);
  useLayoutEffect(() => {
    latest.current = at;
    if (at < 0 || box.current === null) return;
    const top = scrollFor(at * ROW_PX, ROW_PX, box.current.scrollTop, box.current.clientHeight);
    if (top !== null) box.current.scrollTop = top;
  }, [at]);
  const press = (event: KeyboardEvent): void => {
    // From what was chosen last: the URL may still be on its way to it.
    const next = moved(event.key, latest.current, shown.length);
    if (event.key === "Escape" && at >= 0) onChoose(null);
    if (next === null || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    latest.current = next;
    onChoose(shown[next]?.element_id ?? null);
  };
  return (
    <div
      ref={box}
      className="element-list"
      role="listbox"
      aria-label="Elements"
      tabIndex={0}
      aria-activedescendant={at < 0 ? undefined : `${id}-${shown[at]?.element_id ?? ""}`}
      onScroll={look}
      onKeyDown={press}
      data-testid="element-list"
    >
      <div className="element-rows" style={{ height: shown.length * ROW_PX }} role="presentation">
        {rowsIn(view, shown.length, at).map((index) => {
          const element = shown[index];
          return element === undefined ? null : (
            <Row
              key={element.element_id}
              id={`${id}-${element.element_id}`}
              element={element}
              index={index}
              size={shown.length}
              isSelected={index === at}
              isHovered={element.element_id === hovered}
              onHover={onHover}
              onChoose={onChoose}
            />
          );
        })}
      </div>
      {shown.length === 0 ? <p className="pad muted sm">No element fits. Take another role or other words.</p> : null}
    </div>
  );
}

const STEPS: Readonly<Record<string, (at: number, size: number) => number>> = {
  ArrowDown: (at) => at + 1,
  ArrowUp: (at) => at - 1,
  PageDown: (at) => at + PAGE_ROWS,
  PageUp: (at) => at - PAGE_ROWS,
  Home: () => 0,
  End: (_, size) => size - 1,
};

/** The row that a key leads to; null where it leads nowhere. `at` is -1 while none is chosen. */
function moved(key: string, at: number, size: number): number | null {
  const step = STEPS[key];
  return step === undefined || size === 0 ? null : Math.min(size - 1, Math.max(0, step(at, size)));
}

/** Those in view, and the chosen one wherever it is: it is what a screen reader is at. */
function rowsIn({ top, height }: { top: number; height: number }, size: number, at: number): readonly number[] {
  const start = Math.max(0, Math.floor(top / ROW_PX) - OVERSCAN);
  const end = Math.min(size, Math.ceil((top + height) / ROW_PX) + OVERSCAN);
  const rows = Array.from({ length: Math.max(0, end - start) }, (_, index) => start + index);
  return at >= 0 && (at < start || at >= end) ? [...rows, at] : rows;
}

interface RowProps {
  readonly id: string;
  readonly element: InteractiveElement;
  readonly index: number;
  readonly size: number;
  readonly isSelected: boolean;
  readonly isHovered: boolean;
  readonly onHover: (id: string | null) => void;
  readonly onChoose: (id: string) => void;
}

function Row({ id, element, index, size, isSelected, isHovered, onHover, onChoose }: RowProps): ReactNode {
  const { element_id: elementId, role } = element;
  return (
    <div
      id={id}
      role="option"
      aria-selected={isSelected}
      aria-setsize={size}
      aria-posinset={index + 1}
      className={isHovered ? "element hovered" : "element"}
      style={{ top: index * ROW_PX }}
      data-element={elementId}
      onPointerEnter={() => onHover(elementId)}
      onPointerLeave={() => onHover(null)}
      onClick={() => onChoose(elementId)}
    >
      <b className="num">{numberOf(element)}</b>
      <span className="muted sm ell">{visible(role)}</span>
      <span className="ell">
        <Named element={element} />
      </span>
      <Flags element={element} />
    </div>
  );
}

/** Its name, or what else tells it apart. */
function Named({ element }: { element: InteractiveElement }): ReactNode {
  const { name, placeholder, value, href, tag, input_type: type } = element;
  if (name.trim() !== "") return visible(name);
  const other = [placeholder, value, href].find((text) => text !== null && text.trim() !== "");
  return <span className="muted">{visible(other ?? (type === null ? `<${tag}>` : `<${tag} type=${type}>`))}</span>;
}

function Flags({ element }: { element: InteractiveElement }): ReactNode {
  const { is_enabled: isEnabled, is_visible: isVisible, is_required: isRequired } = element;
  const flags = [isVisible ? null : "hidden", isEnabled ? null : "disabled", isRequired ? "required" : null].filter((flag) => flag !== null);
  return flags.length === 0 ? null : <span className="tag">{flags.join(", ")}</span>;
}
