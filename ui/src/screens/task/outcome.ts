// What of a task is there when it ends, in words. Pure.

import { counted } from "../../text/format";
import type { Facts, TaskShape } from "../../wire";

export function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

/** What survived an end that was not a good one. */
export function survivedText(task: TaskShape): string | null {
  const stored = task.progress.stages.stored?.done ?? 0;
  if (task.task_type !== "crawl") return null;
  if (task.error?.code === "refresh_rejected") return "What was there before stays as it is, and searchable.";
  return stored === 0 ? "No page had been stored." : `${counted(stored, "page")} stored before that stay searchable.`;
}

/** Whether search finds the pages by meaning too. */
export function meaningText(result: Facts): string {
  const [pages, embedded] = [numberOf(result.pages), numberOf(result.embedded_pages)];
  if (result.embedding_model === null) return "Search finds them by words: no embedder is on.";
  return embedded >= pages ? "Search finds them by words and by meaning." : `${counted(embedded, "page")} can be found by meaning too.`;
}

/** What a refresh found changed; null for a first crawl. */
export function changesText(result: Facts): string | null {
  const kinds = ["added", "changed", "removed", "unchanged"] as const;
  const known = kinds.filter((kind) => typeof result[`pages_${kind}`] === "number");
  if (known.length === 0) return null;
  return `Compared with before: ${known.map((kind) => `${numberOf(result[`pages_${kind}`])} ${kind}`).join(", ")}.`;
}

/** What was not done again, since it had not changed; null where nothing was saved. */
export function savedText({ saved }: Facts): string | null {
  if (typeof saved !== "object" || saved === null) return null;
  const facts = saved as Readonly<Record<string, unknown>>;
  const parts = [
    [numberOf(facts.pages_not_fetched), "page", "not downloaded"],
    [numberOf(facts.chunks), "passage", "kept with their vectors"],
    [numberOf(facts.tokens), "token", "not embedded again"],
  ] as const;
  const told = parts.filter(([size]) => size > 0).map(([size, noun, what]) => `${counted(size, noun)} ${what}`);
  return told.length === 0 ? null : `Saved: ${told.join(", ")}.`;
}

/** Which limit ended the crawl, and what it left out; null when none did. */
export function limitText(task: TaskShape, reasons: Readonly<Record<string, number>>): string | null {
  const { page_limit: byPages = 0, time_limit: byTime = 0 } = reasons;
  const { max_pages: pages, max_minutes: minutes } = task.payload;
  if (byTime > 0) return `Its time was over (${numberOf(minutes)} min): ${counted(byTime, "address", "addresses")} left. Crawl it again with more time.`;
  if (byPages > 0) return `It stopped at its limit of ${counted(numberOf(pages), "page")}: ${counted(byPages, "address", "addresses")} left. Crawl it again with a higher one.`;
  return null;
}

/** The plain values of a result, for task types that have no panel of their own. */
export function plainFacts(result: Facts): Facts {
  const flat = Object.entries(result).flatMap(([name, value]): [string, unknown][] => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return [[name, value]];
    return Object.entries(plainFacts(value as Facts)).map(([inner, fact]) => [name === "parts" ? inner : `${name} ${inner}`, fact]);
  });
  return Object.fromEntries(flat.filter(([name]) => name !== "source_id"));
}
