// What the form of a new crawl asks for; what was left as it is or empty is left to the server.

import { isOf, list, number, text } from "../../data/formValues";
import type { BrowserOptions, CrawlStart, RenderMode } from "../../wire";

type Written = { -readonly [Name in keyof CrawlStart]: CrawlStart[Name] };
type WrittenBrowser = { -readonly [Name in keyof BrowserOptions]: BrowserOptions[Name] };
export type WaitUntil = NonNullable<BrowserOptions["wait_until"]>;

const RENDER_MODES: Readonly<Record<RenderMode, true>> = { auto: true, http: true, browser: true };
const WAITS: Readonly<Record<WaitUntil, true>> = { settled: true, domcontentloaded: true, load: true, networkidle: true };

/** `switchedOff` are the patterns of the preview's branches that are off. Throws an ApiError that names the field of what is
 * no number. */
export function requestOf(form: FormData, switchedOff: readonly string[] = []): CrawlStart {
  const request: Written = { url: withScheme(text(form, "url")) };
  for (const name of ["max_pages", "max_depth", "max_minutes", "priority"] as const) {
    const value = number(form, name);
    if (value !== null) request[name] = value;
  }
  for (const name of ["subdomains", "all_variants"] as const) {
    if (form.has(name)) request[name] = true;
  }
  for (const name of ["knowledge_type", "refresh_every", "webhook_url"] as const) {
    if (text(form, name) !== "") request[name] = text(form, name);
  }
  if (form.has("without_code")) request.extract_code = false;
  request.include = list(form, "include", /\n/);
  request.exclude = [...new Set([...list(form, "exclude", /\n/), ...switchedOff])];
  request.tags = list(form, "tags", /,/);
  const render = text(form, "render");
  if (isOf(RENDER_MODES, render) && render !== "auto") request.render = render;
  const browser = browserOf(form);
  if (render === "browser" && Object.keys(browser).length > 0) request.browser = browser;
  return request;
}

function browserOf(form: FormData): BrowserOptions {
  const options: WrittenBrowser = {};
  const [waitFor, waitUntil, script] = [text(form, "wait_for"), text(form, "wait_until"), text(form, "scripts")];
  const clicks = list(form, "clicks", /\n/);
  const timeout = number(form, "timeout_seconds");
  if (waitFor !== "") options.wait_for = waitFor;
  if (isOf(WAITS, waitUntil) && waitUntil !== "settled") options.wait_until = waitUntil;
  if (script !== "") options.scripts = [script];
  if (clicks.length > 0) options.clicks = clicks;
  if (form.has("scroll")) options.scroll = true;
  if (timeout !== null) options.timeout_seconds = timeout;
  return options;
}

export function withScheme(url: string): string {
  return url === "" || url.includes(":/") ? url : `https://${url}`;
}
