import { expect, test } from "vitest";

import { filtersOn, waysOut } from "./waysOut";

const nameOf = (id: string): string => ({ src_1: "aiohttp", src_2: "Python" })[id] ?? id;
const labels = (steps: readonly { label: string }[]): string[] => steps.map((step) => step.label);

test("every filter that is on can be taken away by itself", () => {
  const on = filtersOn({ q: "x", source: "src_1,src_2", tag: "a", kind: "wiki", language: "de", version: "3", path: "/b/", mode: "keyword", typos: "off" }, nameOf);
  expect(labels(on)).toEqual(["Source: aiohttp", "Source: Python", "Tag: a", "Kind: wiki", "Language: de", "Version: 3", "Path: /b/", "Words only", "Just as typed"]);
  expect(on[0]?.change).toEqual({ source: "src_2" });
  expect(filtersOn({ q: "x" }, nameOf)).toEqual([]);
  expect(filtersOn({ source: "src_1" }, nameOf)[0]?.change).toEqual({ source: undefined });
});

test("what to try comes from what is asked for", () => {
  expect(labels(waysOut({ q: "wombat" }, nameOf))).toEqual(["In code examples"]);
  expect(labels(waysOut({ q: 'wombat "eats grass" site:x.test', source: "src_1", mode: "vector" }, nameOf))).toEqual([
    "Without “Source: aiohttp”",
    "Without site:x.test",
    "Without the quotes",
    "By words and meaning",
    "In code examples",
  ]);
  expect(labels(waysOut({ q: "how to feed small wombats", show: "code", language: "rust", tag: "a" }, nameOf))).toEqual([
    "Without “Tag: a”",
    "Without “Language: rust”",
    "Without any filter",
    "Only “small wombats”",
    "In passages",
  ]);
});

test("a query that is nothing but a filter is not emptied", () => {
  expect(labels(waysOut({ q: "site:x.test" }, nameOf))).toEqual(["In code examples"]);
});

test("names of direction are spelled out", () => {
  expect(labels(filtersOn({ tag: "a\u202eb" }, nameOf))).toEqual(["Tag: a⟨RLO⟩b"]);
});
