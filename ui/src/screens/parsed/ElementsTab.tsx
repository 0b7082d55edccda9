// The elements as a list that is linked with the screenshot, and all that is known of the chosen one.

import { type ReactNode, useMemo, useRef } from "react";

import { count, counted } from "../../text/format";
import { visible } from "../../text/visible";
import type { ParsedPage } from "../../wire";
import { ElementDetail } from "./ElementDetail";
import { ElementList } from "./ElementList";
import type { Elements } from "./useElements";
import { useParsedParams } from "./useParsedParams";

interface Props {
  readonly page: ParsedPage;
  readonly elements: Elements;
  readonly hovered: string | null;
  readonly onHover: (id: string | null) => void;
}

export function ElementsTab({ page, elements, hovered, onHover }: Props): ReactNode {
  const { shown, selected } = elements;
  const section = useRef<HTMLElement>(null);
  const close = (): void => {
    elements.choose(null);
    section.current?.querySelector<HTMLElement>("[role=listbox]")?.focus({ preventScroll: true }); // its button goes away
  };
  const more = page.element_count - page.elements.length;
  return (
    <section ref={section} className="card elements" aria-label="Interactive elements">
      <div className="elements-head">
        <h2>{counted(page.element_count, "interactive element")}</h2>
        {more > 0 ? <p className="muted sm">The first {count(page.elements.length)} are here.</p> : null}
        {page.elements.length === 0 ? null : <Filter page={page} elements={elements} />}
      </div>
      {page.elements.length === 0 ? (
        <p className="pad muted">There is nothing on this page to click or fill in. If there should be, parse it again and wait for it.</p>
      ) : (
        <ElementList shown={shown} selected={selected} hovered={hovered} onHover={onHover} onChoose={elements.choose} />
      )}
      {selected === null ? null : <ElementDetail key={selected.element_id} element={selected} page={page} onClose={close} />}
    </section>
  );
}

function Filter({ page, elements }: { page: ParsedPage; elements: Elements }): ReactNode {
  const { role, q = "" } = useParsedParams().params;
  const roles = useMemo(() => {
    const sizes = new Map<string, number>();
    for (const element of page.elements) sizes.set(element.role, (sizes.get(element.role) ?? 0) + 1);
    return [...sizes].sort(([one, many], [other, few]) => few - many || one.localeCompare(other));
  }, [page.elements]);
  const isFiltered = role !== undefined || q !== "";
  return (
    <div className="element-filter" role="search" aria-label="Filter the elements">
      <select className="in small" aria-label="Role" value={role ?? ""} onChange={(event) => elements.filter({ role: event.target.value })}>
        <option value="">all roles</option>
        {roles.map(([name, size]) => (
          <option key={name} value={name}>
            {visible(name)} ({count(size)})
          </option>
        ))}
      </select>
      <input
        className="in small"
        type="search"
        aria-label="Words"
        placeholder="Name, value, locator…"
        value={q}
        onChange={(event) => elements.filter({ q: event.target.value })}
      />
      <span className="muted xs num" role="status">
        {isFiltered ? `${count(elements.shown.length)} fit` : ""}
      </span>
    </div>
  );
}
