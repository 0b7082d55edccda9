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
  it("has the browser's options only for the browser", () => {
    const options = { url: "http://a.example/", wait_for: "main", clicks: "#a\n#b", scroll: "on" };
    expect(requestOf(form({ ...options, render: "browser" }))).toEqual({
      url: "http://a.example/",
      ...EMPTY,
      render: "browser",
      browser: { wait_for: "main", clicks: ["#a", "#b"], scroll: true },
    });
    expect(requestOf(form({ ...options, render: "http" }))).toEqual({ url: "http://a.example/", ...EMPTY, render: "http" });
    expect(requestOf(form({ url: "x.example", render: "browser" }))).toEqual({ url: "https://x.example", ...EMPTY, render: "browser" });
  });
});
