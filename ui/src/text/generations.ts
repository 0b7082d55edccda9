// What a generation says of itself, in words. Its result is kept as JSON: read with care, since older servers kept other parts.

import type { Facts, GenerationShape } from "../wire";
import { count, counted } from "./format";

export interface Figure {
  readonly label: string;
  readonly value: number;
}

type Result = Pick<GenerationShape, "result">;

/** Pages added, changed and removed; nothing where there was no generation before it. */
export function brought({ result }: Result): readonly Figure[] {
  return numbers(result, { pages_added: "added", pages_changed: "changed", pages_removed: "removed" });
}

/** "12 pages unchanged (9 not even fetched), 40 chunks and 9,120 tokens needed no new vectors"; null where nothing was saved. */
export function savedText({ result }: Result): string | null {
  const saved = inner(result, "saved");
  const [pages, unfetched, chunks, tokens] = ["pages_unchanged", "pages_not_fetched", "chunks", "tokens"].map((name) => number(saved, name) ?? 0);
  const parts = [];
  if (pages) parts.push(`${counted(pages, "page")} unchanged${unfetched ? ` (${count(unfetched)} not even fetched)` : ""}`);
  if (chunks) parts.push(`${counted(chunks, "chunk")} and ${counted(tokens ?? 0, "token")} needed no new vectors`);
  return parts.length === 0 ? null : `Saved: ${parts.join(", ")}.`;
}

const FIGURES: Readonly<Record<string, string>> = {
  pages: "Pages that the site showed",
  chars: "Characters of Markdown",
  asked: "URLs asked for",
  gone: "Gone (404 or 410)",
  failed: "Failed otherwise",
  alike: "Same as another, or empty",
  unseen: "No time or room for",
};

/** What the gate compares from one generation to the next. */
export function figuresOf({ result }: Result): readonly Figure[] {
  return numbers(inner(result, "figures"), FIGURES);
}

export function reasonsOf({ result }: Result): readonly string[] {
  const { reasons } = result;
  return Array.isArray(reasons) ? reasons.map(String) : [];
}

function numbers(facts: Facts, labels: Readonly<Record<string, string>>): readonly Figure[] {
  return Object.entries(labels).flatMap(([name, label]) => {
    const value = number(facts, name);
    return value === null ? [] : [{ label, value }];
  });
}

function number(facts: Facts, name: string): number | null {
  const value = facts[name];
  return typeof value === "number" ? value : null;
}

function inner(facts: Facts, name: string): Facts {
  const value = facts[name];
  return typeof value === "object" && value !== null ? { ...value } : {};
}
