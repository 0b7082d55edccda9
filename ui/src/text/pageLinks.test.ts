import { describe, expect, it } from "vitest";

import { fileNameOf } from "./fileName";
import { anchorHash, rangeHash, readHash } from "./pageHash";
import { linkedPages, targetOf } from "./pageLinks";

const BASE = "https://a.example/docs/page.html";

describe("links of a page", () => {
  it("are those of its own host, absolute, each once, without fragments and without itself", () => {
    const markdown = "[a](other.html#x) [b](</docs/other.html>) [c](https://b.example/) [d](#here) [e](page.html#y) [f](../up_(x).html) ![g](x.png)\n\n[r]: /ref\n";
    expect(linkedPages(markdown, BASE)).toEqual([
      "https://a.example/docs/other.html",
      "https://a.example/up_(x).html",
      "https://a.example/docs/x.png",
      "https://a.example/ref",
    ]);
  });

  it("are none where nothing can be told", () => {
    expect(linkedPages("[a](b)", "upload:x")).toEqual([]);
    expect(linkedPages("[a](javascript:alert(1)) [b](http://[)", BASE)).toEqual([]);
  });

  it("have a place on the page", () => {
    expect(targetOf("https://a.example/x#a%20b")).toEqual({ url: "https://a.example/x", fragment: "a b" });
    expect(targetOf("https://a.example/x#%ZZ")).toEqual({ url: "https://a.example/x", fragment: "%ZZ" });
    expect(targetOf("https://a.example/x")).toEqual({ url: "https://a.example/x", fragment: "" });
  });
});

it.each([
  ["", { kind: "none" }],
  ["main", { kind: "none" }],
  ["ch_1a", { kind: "chunk", chunkId: "ch_1a" }],
  [rangeHash(3, 9), { kind: "range", range: [3, 9] }],
  [anchorHash("c1-2"), { kind: "anchor", anchor: "c1-2" }],
  ["c1-2x", { kind: "none" }],
])("the hash %j", (hash, meant) => expect(readHash(hash)).toEqual(meant));

it.each([
  ["https://docs.example.org/guide/install.html?x=1", "docs.example.org-guide-install.md"],
  ["https://docs.example.org/", "docs.example.org.md"],
  ["https://docs.example.org/%E6%97%A5%E6%9C%AC/", "docs.example.org-日本.md"],
  ["https://a.example/..%2f..%2fetc/passwd", "a.example-..-..-etc-passwd.md"],
  ["upload:report.pdf", "report.pdf.md"],
  ["https://a.example/%E2%80%AEgpj", "a.example-gpj.md"],
])("%s is saved as %s", (url, name) => expect(fileNameOf(url)).toBe(name));
