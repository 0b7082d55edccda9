import { describe, expect, it } from "vitest";

import { ApiError } from "../../data/api";
import { againOf, formOf, hasSecrets, requestOf, USUAL } from "./parseRequest";

function form(values: Readonly<Record<string, string | boolean>>): FormData {
  const data = new FormData();
  for (const [name, value] of Object.entries(values)) {
    if (typeof value === "string") data.set(name, value);
    else if (value) data.set(name, "on");
  }
  return data;
}

function fieldOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error instanceof ApiError ? error.details.field : error;
  }
  return undefined;
}

describe("what the form of a parse asks for", () => {
  it("is the address alone where nothing was changed", () => {
    expect(requestOf(form({ ...USUAL, url: "example.com/login" }))).toEqual({ url: "https://example.com/login", timeout_seconds: 30, priority: 50 });
  });
  it("has every option", () => {
    const written = {
      url: "https://x.test/",
      wait_for: "main form",
      wait_until: "networkidle",
      timeout_seconds: "12.5",
      viewport: "390x844",
      user_agent: "vary",
      priority: "90",
      headers: "Accept-Language: de\nX-A: b:c",
      cookies: "a=1\nb=2=3; Domain=x.test; Path=/p; Secure; HttpOnly",
      include_dom: true,
      force_refresh: true,
    };
    expect(requestOf(form(written))).toEqual({
      url: "https://x.test/",
      wait_for: "main form",
      wait_until: "networkidle",
      timeout_seconds: 12.5,
      viewport: { width: 390, height: 844 },
      user_agent: "vary",
      priority: 90,
      headers: { "Accept-Language": "de", "X-A": "b:c" },
      cookies: [
        { name: "a", value: "1" },
        { name: "b", value: "2=3", domain: "x.test", path: "/p", secure: true, http_only: true },
      ],
      include_dom: true,
      force_refresh: true,
      screenshot: false,
      full_page: false,
    });
  });
  it.each([
    ["viewport", "wide"],
    ["viewport", "1280"],
    ["headers", "no colon"],
    ["cookies", "=x"],
    ["timeout_seconds", "soon"],
  ])("names the field (%s) of what can't be read: %s", (name, value) => {
    expect(fieldOf(() => requestOf(form({ ...USUAL, url: "x.test", [name]: value })))).toBe(name);
  });
});

describe("a parse that is asked for again", () => {
  const payload = { url: "https://x.test/", wait_until: "load", viewport: { width: 390, height: 844 }, screenshot: true, full_page: false, timeout_seconds: 30, headers: {}, cookies: [] };
  it("asks for the same, loaded anew", () => {
    expect(hasSecrets(payload)).toBe(false);
    expect(againOf(payload)).toEqual({
      url: "https://x.test/",
      wait_until: "load",
      viewport: { width: 390, height: 844 },
      full_page: false,
      force_refresh: true,
      timeout_seconds: 30,
      priority: 50,
    });
  });
  it("has the names of its secrets in the form, for their values to be given again", () => {
    const secret = { ...payload, headers: { Authorization: "•••" }, cookies: [{ name: "session", value: "•••" }] };
    expect(hasSecrets(secret)).toBe(true);
    expect(formOf(secret)).toMatchObject({ headers: "Authorization: ", cookies: "session=", viewport: "390 × 844" });
  });
});
