// The searches of late, newest first.

export const MOST_RECENT = 8;

/** With `query` first. What was typed on from the last one takes its place: "time", then "time-out". */
export function withSearch(recent: readonly string[], query: string): string[] {
  const key = query.toLowerCase();
  const others = recent.filter((some, index) => {
    const other = some.toLowerCase();
    return other !== key && !(index === 0 && (key.startsWith(other) || other.startsWith(key)));
  });
  return [query, ...others].slice(0, MOST_RECENT);
}

/** What was kept, read with care. */
export function recentOf(kept: string | null): string[] {
  try {
    const found: unknown = JSON.parse(kept ?? "[]");
    const texts = Array.isArray(found) ? found.filter((some: unknown): some is string => typeof some === "string" && some !== "") : [];
    return texts.slice(0, MOST_RECENT);
  } catch {
    return [];
  }
}
