import { expect, test } from "vitest";

import { MOST_RECENT, recentOf, withSearch } from "./recent";

test("the newest comes first, once", () => {
  expect(withSearch(["b", "a"], "A")).toEqual(["A", "b"]);
});

test("what was typed on takes the place of its beginning", () => {
  expect(withSearch(["time", "other"], "time-out")).toEqual(["time-out", "other"]);
  expect(withSearch(["other", "time"], "time-out")).toEqual(["time-out", "other", "time"]);
});

test("there is an end", () => {
  const many = Array.from({ length: 20 }, (_, index) => `search ${index}`);
  expect(many.reduce<string[]>(withSearch, [])).toHaveLength(MOST_RECENT);
});

test("what is kept is read with care", () => {
  expect(recentOf('["a", 1, "", null, "b"]')).toEqual(["a", "b"]);
  for (const broken of [null, "", "{", '{"a": 1}', '"a"']) expect(recentOf(broken)).toEqual([]);
});
