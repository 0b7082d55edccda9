// What the form of a parse asks for, and the form that would ask for what a parse was asked. What was left as it is or empty
// is left to the server.

import { ApiError } from "../../data/api";
import { isOf, list, number, text } from "../../data/formValues";
import type { Facts, ParseBody } from "../../wire";
import { withScheme } from "../crawl/crawlRequest";

export type ParseWait = NonNullable<ParseBody["wait_until"]>;
type Written = { -readonly [Name in keyof ParseBody]: ParseBody[Name] };
type Viewport = NonNullable<ParseBody["viewport"]>;
type CookieGiven = NonNullable<ParseBody["cookies"]>[number];

const WAITS: Readonly<Record<ParseWait, true>> = { settled: true, domcontentloaded: true, load: true, networkidle: true };

/** Throws an ApiError that names the field of what can't be read. */
export function requestOf(form: FormData): ParseBody {
  const request: Written = { url: withScheme(text(form, "url")) };
  for (const name of ["timeout_seconds", "priority"] as const) {
    const value = number(form, name);
    if (value !== null) request[name] = value;
  }
  for (const name of ["wait_for", "user_agent", "webhook_url"] as const) {
    if (text(form, name) !== "") request[name] = text(form, name);
  }
  for (const name of ["include_dom", "force_refresh"] as const) {
    if (form.has(name)) request[name] = true;
  }
  for (const name of ["screenshot", "full_page"] as const) {
    if (!form.has(name)) request[name] = false;
  }
  const wait = text(form, "wait_until");
  if (isOf(WAITS, wait) && wait !== "settled") request.wait_until = wait;
  const viewport = viewportOf(text(form, "viewport"));
  if (viewport !== null) request.viewport = viewport;
  const headers = list(form, "headers", /\n/).map((line) => pair(line, ":", "headers"));
  if (headers.length > 0) request.headers = Object.fromEntries(headers);
  const cookies = list(form, "cookies", /\n/).map(cookieOf);
  if (cookies.length > 0) request.cookies = cookies;
  return request;
}

function viewportOf(written: string): Viewport | null {
  if (written === "") return null;
  if (written === "vary") return written;
  const [, width, height] = /^(\d+)\s*[x×*]\s*(\d+)$/i.exec(written) ?? [];
  if (width === undefined || height === undefined) throw wrong("viewport", "must be a width and a height such as 1280 × 720, or vary");
  return { width: Number(width), height: Number(height) };
}

/** A line such as "session=abc; domain=example.com; path=/; secure; httponly". */
function cookieOf(line: string): CookieGiven {
  const [first = "", ...attributes] = line.split(";").map((part) => part.trim());
  const [name, value] = pair(first, "=", "cookies");
  const said = new Map(attributes.map((attribute) => [attribute.split("=", 1)[0]?.trim().toLowerCase(), attribute.split("=").slice(1).join("=").trim()]));
  const [domain, path] = [said.get("domain"), said.get("path")];
  return {
    name,
    value,
    ...(domain === undefined ? {} : { domain }),
    ...(path === undefined ? {} : { path }),
    ...(said.has("secure") ? { secure: true } : {}),
    ...(said.has("httponly") ? { http_only: true } : {}),
  };
}

function pair(line: string, separator: string, field: string): [string, string] {
  const at = line.indexOf(separator);
  if (at <= 0) throw wrong(field, `needs lines like name${separator} value`);
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}

function wrong(field: string, reason: string): ApiError {
  return new ApiError(422, { code: "invalid_field", message: `${field}: ${reason}`, details: { field, reason } });
}

/** What stands in the fields of the form at first. */
export interface FormValues {
  readonly url: string;
  readonly wait_for: string;
  readonly wait_until: ParseWait;
  readonly timeout_seconds: string;
  readonly viewport: string;
  readonly user_agent: string;
  readonly priority: string;
  readonly screenshot: boolean;
  readonly full_page: boolean;
  readonly include_dom: boolean;
  readonly force_refresh: boolean;
  /** The names alone, a line each: values are secrets, which the server tells nobody. */
  readonly headers: string;
  readonly cookies: string;
}

export const USUAL: FormValues = {
  url: "",
  wait_for: "",
  wait_until: "settled",
  timeout_seconds: "30",
  viewport: "",
  user_agent: "",
  priority: "50",
  screenshot: true,
  full_page: true,
  include_dom: false,
  force_refresh: false,
  headers: "",
  cookies: "",
};

/** The form as it would ask for the same again; `payload` is what the server tells of the request. */
export function formOf(payload: Facts): FormValues {
  const { wait_until: wait, viewport, headers, cookies } = payload;
  const written = (name: keyof FormValues, usual: string): string => {
    const value = payload[name];
    return typeof value === "string" || typeof value === "number" ? String(value) : usual;
  };
  return {
    url: written("url", ""),
    wait_for: written("wait_for", ""),
    wait_until: typeof wait === "string" && isOf(WAITS, wait) ? wait : USUAL.wait_until,
    timeout_seconds: written("timeout_seconds", USUAL.timeout_seconds),
    viewport: isSize(viewport) ? `${viewport.width} × ${viewport.height}` : viewport === "vary" ? viewport : "",
    user_agent: written("user_agent", ""),
    priority: written("priority", USUAL.priority),
    screenshot: payload.screenshot !== false,
    full_page: payload.full_page !== false,
    include_dom: payload.include_dom === true,
    force_refresh: true,
    headers: namesOf(headers).map((name) => `${name}: `).join("\n"),
    cookies: namesOf(cookies).map((name) => `${name}=`).join("\n"),
  };
}

function isSize(value: unknown): value is { width: number; height: number } {
  return typeof value === "object" && value !== null && "width" in value && "height" in value;
}

function namesOf(given: unknown): string[] {
  if (Array.isArray(given)) return given.flatMap((item: unknown) => (isNamed(item) ? [item.name] : []));
  return typeof given === "object" && given !== null ? Object.keys(given) : [];
}

function isNamed(item: unknown): item is { name: string } {
  return typeof item === "object" && item !== null && "name" in item && typeof item.name === "string";
}

/** Whether a request carried what the server keeps to itself, so that it can't be asked again without its user. */
export function hasSecrets(payload: Facts): boolean {
  return namesOf(payload.headers).length + namesOf(payload.cookies).length > 0;
}

/** The same request once more, loaded anew. */
export function againOf(payload: Facts): ParseBody {
  const form = new FormData();
  for (const [name, value] of Object.entries(formOf(payload))) {
    if (typeof value === "string") form.set(name, value);
    else if (value === true) form.set(name, "on");
  }
  return requestOf(form);
}
