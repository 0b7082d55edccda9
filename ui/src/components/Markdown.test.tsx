import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";

import type { Range } from "../wire";
import { Markdown } from "./Markdown";

function html(markdown: string, cited: { start: number; end: number } | null = null, words: readonly string[] = []): string {
  const marks = words.map((word): Range => [markdown.indexOf(word), markdown.indexOf(word) + word.length]);
  return renderToStaticMarkup(<Markdown markdown={markdown} baseUrl="https://example.org/docs/page" cited={cited} marks={marks} />);
}

describe("a hostile page", () => {
  it.each([
    ["raw HTML", "<script>alert(1)</script>\n\n<img src=x onerror=alert(1)>", /<script|<img|onerror=(?!alert\(1\)&gt;)/],
    ["script links", "[a](javascript:alert(1)) [b](JaVaScRiPt&#58;alert(1)) [c](data:text/html,x)", /href/],
    ["an image", "![alt](https://evil.example/x.png)", /<img|src=/],
    ["a reference image", "![alt][r]\n\n[r]: https://evil.example/x.png", /<img/],
    ["an iframe", "<iframe src=https://evil.example></iframe>", /<iframe/],
    ["style", "<p style='position:fixed'>x</p>", /<p style/],
    ["a form", "<form action=https://evil.example><input></form>", /<form|<input/],
  ])("%s", (_, markdown, forbidden) => expect(html(markdown)).not.toMatch(forbidden));

  it("shows raw HTML as text", () => expect(html("use `Vec` or <b>bold</b>")).toContain("&lt;b&gt;bold&lt;/b&gt;"));

  it("makes an image a link that says so", () =>
    expect(html("![a diagram](/x.png)")).toContain('href="https://example.org/x.png"'));

  it("puts no link into a link", () => {
    const text = html("[![badge](https://a.example/b.svg)](https://c.example/)");
    expect(text.match(/<a /g)).toHaveLength(1);
    expect(text).toContain("[image: badge]");
  });

  it("spells direction controls out, in code too", () => {
    expect(html("a\u202eb")).toContain("a⟨RLO⟩b");
    expect(html("```py\na\u2066b\n```")).toContain("a⟨LRI⟩b");
  });

  it("opens links without telling where from", () =>
    expect(html("[a](https://b.example/)")).toContain('rel="noreferrer noopener nofollow ugc"'));

  it("resolves relative links against the page", () =>
    expect(html("[a](../b)")).toContain('href="https://example.org/b"'));

  it("keeps the page's headings below the UI's own", () => expect(html("# Title")).toMatch(/<h2[^>]*>Title<\/h2>/));
});

describe("a cited passage", () => {
  const markdown = "# One\n\nfirst\n\n## Two\n\nsecond\n\n```py\nx = 1\n```\n";
  it("is marked by its blocks, and only the first is scrolled to", () => {
    const start = markdown.indexOf("## Two");
    const text = html(markdown, { start, end: markdown.length });
    expect(text.match(/cited"/g)).toHaveLength(3);
    expect(text.match(/data-cited="first"/g)).toHaveLength(1);
    expect(text).toMatch(/<p>first<\/p>/);
    expect(text).toContain(`id="at-${start}"`);
  });
});

describe("what a search found", () => {
  const marked = (markdown: string, ...words: string[]): string[] =>
    [...html(markdown, null, words).matchAll(/<mark>(.*?)<\/mark>/g)].map(([, text = ""]) => text);

  it("is marked on its characters", () => {
    expect(marked("# A *heading*\n\nThe 👩‍👩‍👧 eat 有袋类 and `on_shutdown` | \\_x\\_ twice", "heading", "👩‍👩‍👧", "有袋类", "shutdown", "twice")).toEqual(
      ["heading", "👩‍👩‍👧", "有袋类", "shutdown", "twice"],
    );
  });

  it("is marked over the borders of its parts", () => expect(marked("some **bold** text", "bold** text")).toEqual(["bold", " text"]));

  it("is marked in code", () => expect(marked("x\n\n```python\nfor ws in app:\n    ws.close()\n```", "close")).toEqual(["close"]));

  it("is not marked where the text is another than the Markdown", () => expect(marked("a &amp; b wombat", "wombat")).toEqual([]));

  it("changes nothing of a hostile page", () => {
    const text = html("<b>wombat</b> [wombat](javascript:alert(1)) \u202ewombat", null, ["wombat"]);
    expect(text).toContain("&lt;b&gt;<mark>wombat</mark>&lt;/b&gt;");
    expect(text).not.toMatch(/href|\u202e/);
  });
});

it("fits the headings of a part of a page below the one above it", () => {
  const part = renderToStaticMarkup(<Markdown markdown={"### B\n\n##### C\n\n## D\n\n> # E"} baseUrl="https://x.test/" cited={null} under={2} />);
  expect([...part.matchAll(/<(h\d)/g)].map(([, tag]) => tag)).toEqual(["h3", "h4", "h4", "h3"]);
});

describe("chunk borders", () => {
  const page = "# One\n\nfirst\n\n- a\n- b\n\n```py\nx = 1\ny = 2\n```\n\nlast one\n\n| h |\n| --- |\n| r |\n";
  const shown = (...places: string[]): string =>
    renderToStaticMarkup(
      <Markdown
        markdown={page}
        baseUrl="https://example.org/"
        cited={null}
        borders={places.map((place, ordinal) => ({ at: page.indexOf(place), ordinal }))}
        renderBorder={(ordinal) => `[${ordinal}]`}
      />,
    ).replace(/<button.*?<\/button>/g, "");

  it("stand before the block at which a chunk begins", () => expect(shown("# One", "first")).toMatch(/>\[0\]<h2[^>]*>One<\/h2>\s*\[1\]<p>first/));
  it("stand in the item of a list", () => expect(shown("- b")).toMatch(/<li>a<\/li>\s*<li>\[0\]b<\/li>/));
  it("stand before a list that begins a chunk", () => expect(shown("- a")).toMatch(/\[0\]<ul>\s*<li>a/));
  it("cut code in two", () => {
    const html = shown("y = 2");
    expect(html).toMatch(/x = 1[\s\S]*\[0\][\s\S]*y = 2/);
    expect(html.match(/<pre/g)).toHaveLength(2);
  });
  it("stand within a paragraph", () => expect(shown("one\n")).toMatch(/<p>last \[0\]one<\/p>/));
  it("are a row of a table", () => expect(shown("| r")).toMatch(/<tr><td colSpan="100">\[0\]<\/td><\/tr><tr>\s*<td>r/i));
  it("are each there once, wherever they are", () => {
    for (let at = 0; at < page.length; at += 1) {
      const html = renderToStaticMarkup(
        <Markdown markdown={page} baseUrl="https://example.org/" cited={null} borders={[{ at, ordinal: 7 }]} renderBorder={() => "[7]"} />,
      );
      expect([at, html.match(/\[7\]/g)?.length]).toEqual([at, 1]);
    }
  });
});

describe("notes", () => {
  it("come once, at the end, and each reference has the number of its note", () => {
    const text = html("A.[^x]\n\nB.[^a]\n\n[^a]: second\n\n[^x]: first\n");
    expect(text.match(/first/g)).toHaveLength(1);
    expect(text).toMatch(/href="https:\/\/example.org\/docs\/page#page-fn-x"[^>]*>1<\/a>/);
    expect(text).toMatch(/href="https:\/\/example.org\/docs\/page#page-fn-a"[^>]*>2<\/a>/);
  });
});
