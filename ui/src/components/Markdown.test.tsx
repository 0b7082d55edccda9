import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";

import { Markdown } from "./Markdown";

function html(markdown: string, cited: { start: number; end: number } | null = null): string {
  return renderToStaticMarkup(<Markdown markdown={markdown} baseUrl="https://example.org/docs/page" cited={cited} />);
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
