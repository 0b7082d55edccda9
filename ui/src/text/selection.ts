// Which rows of a list are selected: one by one, or with shift all up to the one that was clicked before.

export interface Selection {
  readonly ids: ReadonlySet<string>;
  /** The row that was clicked last: where a range begins. */
  readonly anchor: string | null;
}

export const NOTHING: Selection = { ids: new Set(), anchor: null };

/** After a click on `id`: it changes, and with `isRange` every row between the last one and it becomes as it does. */
export function toggled(selection: Selection, order: readonly string[], id: string, isRange: boolean): Selection {
  const ids = new Set(selection.ids);
  const isOn = !ids.has(id);
  const from = isRange && selection.anchor !== null ? order.indexOf(selection.anchor) : -1;
  const to = order.indexOf(id);
  const changed = from < 0 || to < 0 ? [id] : order.slice(Math.min(from, to), Math.max(from, to) + 1);
  for (const each of changed) {
    if (isOn) ids.add(each);
    else ids.delete(each);
  }
  return { ids, anchor: id };
}

/** All of them, or none when all are selected already. */
export function toggledAll(selection: Selection, order: readonly string[]): Selection {
  return isAll(selection, order) ? NOTHING : { ids: new Set(order), anchor: null };
}

export function isAll(selection: Selection, order: readonly string[]): boolean {
  return order.length > 0 && order.every((id) => selection.ids.has(id));
}

/** Without rows that are gone. The same object when none is. */
export function within(selection: Selection, order: readonly string[]): Selection {
  const known = new Set(order);
  const ids = [...selection.ids].filter((id) => known.has(id));
  return ids.length === selection.ids.size ? selection : { ...selection, ids: new Set(ids) };
}
