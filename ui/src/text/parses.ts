// What a parse did and gave, in words. Pure.

import type { Facts, FormPurpose, NavigationMenu, PageKind, Region, TaskShape, Timing } from "../wire";
import { counted, duration, shortUrl } from "./format";
import { visible } from "./visible";

export type ParseStep =
  | "checking_cache"
  | "acquiring_browser"
  | "navigating_to_page"
  | "extracting_dom"
  | "identifying_elements"
  | "semantic_analysis"
  | "capturing_screenshot";

/** In their order. */
export const STEPS: readonly ParseStep[] = [
  "checking_cache",
  "acquiring_browser",
  "navigating_to_page",
  "extracting_dom",
  "identifying_elements",
  "semantic_analysis",
  "capturing_screenshot",
];

export const STEP_NAMES: Readonly<Record<ParseStep, string>> = {
  checking_cache: "Cache",
  acquiring_browser: "Browser",
  navigating_to_page: "Page",
  extracting_dom: "Structure",
  identifying_elements: "Elements",
  semantic_analysis: "Meaning",
  capturing_screenshot: "Screenshot",
};

/** What it does now, in words. */
export const STEP_DOES: Readonly<Record<ParseStep, string>> = {
  checking_cache: "Looking whether the page was parsed a short while ago",
  acquiring_browser: "Waiting for a browser",
  navigating_to_page: "Loading the page",
  extracting_dom: "Reading its structure",
  identifying_elements: "Finding what can be clicked and filled in",
  semantic_analysis: "Telling what it means",
  capturing_screenshot: "Taking the screenshot",
};

/** Which of `STEPS` a stage is; -1 for one before them, or that is not known. */
export function stepAt(stage: string): number {
  return STEPS.findIndex((step) => step === stage);
}

/** What a completed parse says of itself in its task's result; absent where the server does not tell. */
export interface ParseFacts {
  readonly title: string;
  readonly finalUrl: string;
  readonly kind: PageKind | null;
  readonly status: number | null;
  readonly elements: number | null;
  readonly isFromCache: boolean;
}

export function factsOf({ result, payload, title }: Pick<TaskShape, "result" | "payload" | "title">): ParseFacts {
  const facts: Facts = result ?? {};
  const url = typeof payload.url === "string" ? payload.url : title;
  return {
    title: typeof facts.title === "string" ? facts.title : "",
    finalUrl: typeof facts.final_url === "string" ? facts.final_url : url,
    kind: isKind(facts.kind) ? facts.kind : null,
    status: countIn(facts, "http_status"),
    elements: countIn(facts, "element_count"),
    isFromCache: facts.cache_hit === true,
  };
}

function isKind(value: unknown): value is PageKind {
  return typeof value === "string" && Object.hasOwn(KIND_NAMES, value);
}

function countIn(facts: Facts, name: string): number | null {
  const value = facts[name];
  return typeof value === "number" ? value : null;
}

/** The page's own title, or its address where it has none. */
export function parseName(task: Pick<TaskShape, "result" | "payload" | "title">): string {
  const { title, finalUrl } = factsOf(task);
  return visible(title.trim() === "" ? shortUrl(finalUrl) : title);
}

/** "Error page · HTTP 404 · 12 elements · from the cache". */
export function factsText(task: TaskShape): string {
  const { kind, status, elements, isFromCache } = factsOf(task);
  const parts = [
    kind === null ? null : KIND_NAMES[kind],
    status === null ? null : `HTTP ${status}`,
    elements === null ? null : counted(elements, "element"),
    isFromCache ? "from the cache" : null,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

/** "340 ms", "1.4 s", "2 min 11 s". */
export function milliseconds(value: number): string {
  if (value < 1000) return `${Math.round(value)} ms`;
  return value < 10_000 ? `${(value / 1000).toFixed(1)} s` : duration(value / 1000);
}

const ACTIONS: Readonly<Record<string, string>> = {
  retry_with_longer_timeout: "Tried again with more time",
  restart_browser_and_retry: "Browser started anew, then tried again",
  rotate_user_agent_and_retry: "Tried again under another user agent",
  cleanup_and_retry: "Memory cleared, then tried again",
  wait_for_browser_and_retry: "Tried again once a browser may be started",
  retry: "Tried again",
  fail_permanently: "Given up",
};

/** What was done about a failed attempt. */
export function actionText(action: string): string {
  return ACTIONS[action] ?? visible(action.replaceAll("_", " "));
}

export const TIMED = ["waiting_ms", "browser_ms", "navigation_ms", "dom_ms", "elements_ms", "meaning_ms", "screenshot_ms"] as const satisfies readonly (keyof Timing)[];

export const TIMED_NAMES: Readonly<Record<keyof Timing, string>> = {
  waiting_ms: "in line",
  browser_ms: "browser",
  navigation_ms: "page",
  dom_ms: "structure",
  elements_ms: "elements",
  meaning_ms: "meaning",
  screenshot_ms: "screenshot",
};

export const KIND_NAMES: Readonly<Record<PageKind, string>> = {
  article: "Article",
  documentation: "Documentation",
  listing: "Listing",
  search_results: "Search results",
  product: "Product",
  login: "Log-in",
  sign_up: "Sign-up",
  form: "Form",
  checkout: "Checkout",
  home: "Home page",
  dashboard: "Dashboard",
  media: "Media",
  discussion: "Discussion",
  error: "Error page",
  challenge: "Challenge",
  other: "Some other page",
};

export const FORM_PURPOSES: Readonly<Record<FormPurpose, string>> = {
  login: "Log-in",
  sign_up: "Sign-up",
  password_reset: "Password reset",
  search: "Search",
  filter: "Filter",
  newsletter: "Newsletter",
  contact: "Contact",
  comment: "Comment",
  checkout: "Checkout",
  payment: "Payment",
  upload: "Upload",
  settings: "Settings",
  consent: "Consent",
  other: "Some other form",
};

export const MENU_NAMES: Readonly<Record<NavigationMenu["kind"], string>> = {
  primary: "Main menu",
  section: "Menu of the section",
  contents: "Contents of the page",
  breadcrumbs: "Breadcrumbs",
  footer: "Footer",
  skip: "Skip links",
  other: "Other links",
};

export const REGION_NAMES: Readonly<Record<Region["kind"], string>> = {
  header: "Header",
  navigation: "Navigation",
  main: "Main part",
  sidebar: "Sidebar",
  footer: "Footer",
  dialog: "Dialog",
  banner: "Banner",
  search: "Search",
};

/** "92 %". */
export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}
