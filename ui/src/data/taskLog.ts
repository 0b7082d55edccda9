// The log of a task by REST: its lines have numbers without gaps, so a stretch of it is read in several requests at once.

import type { EventPage, EventShape } from "../wire";
import { type Api, at } from "./api";

const PAGE = 500;
const AT_ONCE = 4;

/** The lines `from` to `to`, both included, ascending. `tell` hears how many there are so far. */
export async function logLines(
  api: Api,
  taskId: string,
  { from, to, tell }: { readonly from: number; readonly to: number; readonly tell?: (got: number) => void },
): Promise<EventShape[]> {
  const starts = Array.from({ length: Math.ceil((to - from + 1) / PAGE) }, (_, index) => from + index * PAGE);
  const pages = new Map<number, readonly EventShape[]>();
  let got = 0;
  const todo = starts.values();
  const read = async (): Promise<void> => {
    for (const start of todo) {
      const limit = Math.min(PAGE, to - start + 1);
      const { items } = await api.get<EventPage>(at`/tasks/${taskId}/events`, { after: start - 1, limit });
      pages.set(start, items);
      got += items.length;
      tell?.(got);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, read));
  return starts.flatMap((start) => pages.get(start) ?? []).filter((event) => event.seq <= to);
}
