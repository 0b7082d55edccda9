import { expect, test } from "vitest";

import { joined, listed, searchParams } from "./params";

test("lists survive the URL", () => {
  for (const values of [["a"], ["a", "b"], ["a,b", "100%", "%2C"], ["日本語 タグ"]]) expect(listed(joined(values))).toEqual(values);
  expect(joined([])).toBeUndefined();
  expect(listed(undefined)).toEqual([]);
});

test("what anybody writes into the URL is read with care", () => {
  expect(searchParams({ q: "x", mode: "psychic", show: "all", limit: "7", typos: "on", hit: 3, source: "" })).toEqual({ q: "x" });
  expect(searchParams({ q: "x", mode: "vector", limit: "50", typos: "off", path: "/a/" })).toEqual({
    q: "x",
    mode: "vector",
    limit: "50",
    typos: "off",
    path: "/a/",
  });
});
