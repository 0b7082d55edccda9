import { expect, it } from "vitest";

import { task } from "../../live/samples";
import { changesText, limitText, plainFacts, savedText, survivedText } from "./outcome";

it("tells what a refresh changed and saved, and nothing of a first crawl", () => {
  expect(changesText({ pages_added: 3, pages_changed: 0, pages_removed: 1, pages_unchanged: 400 })).toBe(
    "Compared with before: 3 added, 0 changed, 1 removed, 400 unchanged.",
  );
  expect(changesText({ pages: 3 })).toBeNull();
  expect(savedText({ saved: { pages_not_fetched: 1, chunks: 2100, tokens: 0 } })).toBe("Saved: 1 page not downloaded, 2,100 passages kept with their vectors.");
  expect(savedText({ saved: { pages_not_fetched: 0, chunks: 0, tokens: 0 } })).toBeNull();
});

it("tells which limit ended it", () => {
  const limited = task({ payload: { max_pages: 10, max_minutes: 5 } });
  expect(limitText(limited, { page_limit: 3 })).toContain("limit of 10 pages: 3 addresses left");
  expect(limitText(limited, { time_limit: 1, page_limit: 3 })).toContain("(5 min): 1 address left");
  expect(limitText(limited, { too_deep: 1 })).toBeNull();
});

it("tells what survived", () => {
  expect(survivedText(task({ error: null }))).toBe("412 pages stored before that stay searchable.");
  expect(survivedText(task({ error: { code: "refresh_rejected", message: "", details: {} } }))).toContain("stays as it is");
  expect(survivedText(task({ task_type: "upload" }))).toBeNull();
});

it("flattens the result of other tasks", () => {
  expect(plainFacts({ source_id: "src", tokens: 5, parts: { code: { done: 1, left: 2 } } })).toEqual({ tokens: 5, "code done": 1, "code left": 2 });
});
