import { describe, expect, it } from "vitest";

import type { BranchShape, EstimateShape } from "../../wire";
import { checksOf, estimateOf, type Off, pagesLeft, patternsOf, scopeOf, switched } from "./scope";

const folder = (path: string, pages: number, ...children: BranchShape[]): BranchShape => ({ path, pages, children });
const SITE = folder(
  "/",
  20,
  folder("/docs/", 20, folder("/docs/api/", 12, folder("/docs/api/v1/", 8), folder("/docs/api/v2/", 3)), folder("/docs/guide/", 5)),
);
const TOP = scopeOf(SITE);
const NONE: Off = new Set();
const after = (...steps: [string, boolean][]): Off => steps.reduce((off, [id, isOn]) => switched(TOP, off, id, isOn), NONE);

describe("the tree of a preview", () => {
  it("begins where the site branches, and has the pages of a folder itself as a branch", () => {
    expect(TOP.label).toBe("/docs/");
    expect(TOP.children.map(({ label, pages, pattern }) => [label, pages, pattern])).toEqual([
      ["pages right in this folder", 3, "/docs/*"],
      ["api/", 12, "/docs/api/**"],
      ["guide/", 5, "/docs/guide/**"],
    ]);
  });
  it("writes patterns that mean just the folder's path", () => {
    const odd = scopeOf(folder("/50% #1?/https://x/", 2)).pattern;
    expect(odd).toBe("/50%25 %231%3F/https*//x/**");
  });
  it("leaves out what is switched off", () => {
    const off = after(["/docs/api/v1/", false]);
    expect([pagesLeft(TOP, off), patternsOf(TOP, off)]).toEqual([12, ["/docs/api/v1/**"]]);
    const checks = checksOf(TOP, off);
    expect(["/docs/", "/docs/api/", "/docs/api/v1/", "/docs/api/v2/"].map((id) => checks.get(id))).toEqual(["mixed", "mixed", false, true]);
  });
  it("takes a folder for off when all in it is, and has one pattern for it", () => {
    const off = after(["/docs/api/v1/", false], ["/docs/api/v2/", false], ["/docs/api/*", false]);
    expect(patternsOf(TOP, off)).toEqual(["/docs/api/**"]);
    expect(checksOf(TOP, off).get("/docs/api/")).toBe(false);
  });
  it("takes one branch of what is off by leaving out the others", () => {
    const off = after(["/docs/", false], ["/docs/api/v2/", true]);
    expect(patternsOf(TOP, off)).toEqual(["/docs/*", "/docs/api/*", "/docs/api/v1/**", "/docs/guide/**"]);
    expect(pagesLeft(TOP, off)).toBe(3);
  });
  it("forgets what was off in a folder that is switched on again", () => {
    expect([...after(["/docs/api/v1/", false], ["/docs/api/", true])]).toEqual([]);
  });
  it("keeps the pages of folders that the server did not name until the whole folder is off", () => {
    const many = Array.from({ length: 50 }, (_, n) => folder(`/${n}/`, 2));
    const top = scopeOf(folder("/", 130, ...many));
    const some = switched(top, NONE, "/0/", false);
    expect(pagesLeft(top, some)).toBe(128);
    expect(pagesLeft(top, switched(top, NONE, "/", false))).toBe(0);
    const all = many.reduce((off, { path }) => switched(top, off, path, false), NONE);
    expect([pagesLeft(top, all), checksOf(top, all).get("/")]).toEqual([30, "mixed"]);
  });
});

describe("the estimate", () => {
  const whole: EstimateShape = { pages: 20, is_whole: true, seconds: 10, tokens: 4000, model: "m", embed_seconds: 2, cost_usd: 0.4 };
  it("follows what is left", () => {
    const left = estimateOf(whole, TOP, after(["/docs/guide/", false]));
    expect(left).toEqual({ ...whole, pages: 15, seconds: 7.5, tokens: 3000, embed_seconds: 1.5, cost_usd: expect.closeTo(0.3) as number });
  });
  it("has the start at least, and no more than the crawl may store", () => {
    expect(estimateOf(whole, TOP, after(["/docs/", false])).pages).toBe(1);
    expect(estimateOf({ ...whole, pages: 10 }, TOP, after(["/docs/guide/", false])).pages).toBe(10);
  });
});
