// A locator as code that finds the element.

import type { Locator } from "../wire";

/** `page.frameLocator("…").locator("…")`, for Playwright in JavaScript. */
export function playwrightOf({ frames, selector }: Pick<Locator, "frames" | "selector">): string {
  const into = frames.map((frame) => `.frameLocator(${JSON.stringify(frame)})`).join("");
  return `page${into}.locator(${JSON.stringify(selector)})`;
}
