import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";

import type { CodeExampleShape } from "../wire";
import { CodeContext } from "./Code";

function html(summary: string, context: string): string {
  return renderToStaticMarkup(<CodeContext of={{ summary, context } as CodeExampleShape} />);
}

describe("what a page says of code", () => {
  it("shows code in it as code", () =>
    expect(html("Use `sorted()`, or `a < b`:", "")).toBe(
      '<p class="muted sm wrap clamp">Use <code>sorted()</code>, or <code>a &lt; b</code>:</p>',
    ));

  it("takes the prose before it where there is no summary", () => expect(html("", "One ` alone")).toContain(">One ` alone</p>"));

  it("is nothing without either", () => expect(html("", "")).toBe(""));
});
