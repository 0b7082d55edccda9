// What the form of a new crawl asks for; what was left as it is or empty is left to the server.

import type { BrowserOptions, CrawlStart, RenderMode } from "../../wire";

type Written = { -readonly [Name in keyof CrawlStart]: CrawlStart[Name] };

const RENDER_MODES: readonly string[] = ["auto", "http", "browser"] satisfies RenderMode[];

export function requestOf(form: FormData): CrawlStart {
  const request: Written = { url: withScheme(text(form, "url")) };
  for (const name of ["max_pages", "max_depth", "max_minutes"] as const) {
    if (text(form, name) !== "") request[name] = Number(text(form, name));
  }
  for (const name of ["subdomains", "all_variants"] as const) {
    if (form.has(name)) request[name] = true;
  }
  request.include = list(form, "include", /\n/);
  request.exclude = list(form, "exclude", /\n/);
  request.tags = list(form, "tags", /,/);
  const render = text(form, "render");
  if (RENDER_MODES.includes(render) && render !== "auto") request.render = render as RenderMode;
  const browser = browserOf(form);
  if (render === "browser" && Object.keys(browser).length > 0) request.browser = browser;
  return request;
}

function browserOf(form: FormData): BrowserOptions {
  const [waitFor, clicks] = [text(form, "wait_for"), list(form, "clicks", /\n/)];
  return {
    ...(waitFor === "" ? {} : { wait_for: waitFor }),
    ...(clicks.length === 0 ? {} : { clicks }),
    ...(form.has("scroll") ? { scroll: true } : {}),
  };
}

function text(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value.trim() : "";
}

function list(form: FormData, name: string, separator: RegExp): string[] {
  return text(form, name)
    .split(separator)
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function withScheme(url: string): string {
  return url === "" || url.includes(":/") ? url : `https://${url}`;
}
