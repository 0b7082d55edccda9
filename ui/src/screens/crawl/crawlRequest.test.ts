import { describe, expect, it } from "vitest";

import { requestOf } from "./crawlRequest";

function form(fields: Readonly<Record<string, string>>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.set(name, value);
  return data;
}

const EMPTY = { include: [], exclude: [], tags: [] };

describe("the request of the form", () => {
  it("leaves what was left as it is to the server", () => {
    const untouched = { url: " docs.example.org ", max_pages: "", max_minutes: "", include: "", render: "auto" };
    expect(requestOf(form(untouched))).toEqual({ url: "https://docs.example.org", ...EMPTY });
  });
  it("has all that was asked for", () => {
    const asked = { url: "http://a.example/", max_minutes: "1.5", max_depth: "0", subdomains: "on", all_variants: "on", tags: "a, b,", include: "/a/**\n\n /b/** " };
    expect(requestOf(form({ ...asked, render: "http" }))).toEqual({
      url: "http://a.example/",
      max_minutes: 1.5,
      max_depth: 0,
      subdomains: true,
      all_variants: true,
      include: ["/a/**", "/b/**"],
      exclude: [],
      tags: ["a", "b"],
      render: "http",
    });
  });
  it("leaves out the branches that are switched off, each pattern once", () => {
    const { exclude } = requestOf(form({ url: "a.example", exclude: "/b/**" }), ["/b/**", "/c/**"]);
    expect(exclude).toEqual(["/b/**", "/c/**"]);
  });
  it("reads numbers as people write them, and names the field of what is none", () => {
    expect(requestOf(form({ url: "a.example", max_pages: "20,000", priority: "9" }))).toMatchObject({ max_pages: 20_000, priority: 9 });
    expect(() => requestOf(form({ url: "a.example", max_minutes: "long" }))).toThrow("max_minutes: must be a number");
  });
  it("has the rest of a crawl's options", () => {
    const rest = { knowledge_type: "reference", refresh_every: "7d", webhook_url: "https://h.example/", without_code: "on" };
    expect(requestOf(form({ url: "a.example", ...rest }))).toMatchObject({
      knowledge_type: "reference",
      refresh_every: "7d",
      webhook_url: "https://h.example/",
      extract_code: false,
    });
  });
  it("has the browser's options only for the browser", () => {
    const options = { url: "http://a.example/", wait_for: "main", clicks: "#a\n#b", scroll: "on", scripts: "one();\ntwo();", wait_until: "load" };
    expect(requestOf(form({ ...options, render: "browser" }))).toEqual({
      url: "http://a.example/",
      ...EMPTY,
      render: "browser",
      browser: { wait_for: "main", wait_until: "load", scripts: ["one();\ntwo();"], clicks: ["#a", "#b"], scroll: true },
    });
    expect(requestOf(form({ ...options, render: "http" }))).toEqual({ url: "http://a.example/", ...EMPTY, render: "http" });
    expect(requestOf(form({ url: "x.example", render: "browser" }))).toEqual({ url: "https://x.example", ...EMPTY, render: "browser" });
  });
});
