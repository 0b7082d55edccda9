// What went wrong, in plain words, and what to do about it, for every error code of the server.

import type { ErrorBody } from "../wire";

export interface Advice {
  readonly what: string;
  readonly todo: string;
}

type Known =
  | "internal_error"
  | "invalid_field"
  | "invalid_url"
  | "unsupported_scheme"
  | "missing_host"
  | "url_has_userinfo"
  | "bad_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "method_not_allowed"
  | "http_error"
  | "wrong_state"
  | "idempotency_conflict"
  | "queue_full"
  | "storage_error"
  | "storage_away"
  | "storage_full"
  | "unsupported_type"
  | "upload_too_large"
  | "upload_gone"
  | "lease_lost"
  | "worker_lost"
  | "task_timed_out"
  | "memory_limit_exceeded"
  | "process_failed"
  | "process_died"
  | "dependency_failed"
  | "step_failed"
  | "server_unreachable"
  | "no_live_line"
  | "bad_answer"
  | "fetch_failed"
  | "address_forbidden"
  | "host_not_found"
  | "connect_failed"
  | "tls_failed"
  | "timed_out"
  | "redirect_loop"
  | "redirect_refused"
  | "robots_denied"
  | "robots_unreachable"
  | "too_large"
  | "not_html"
  | "broken_body"
  | "empty_page"
  | "extract_failed"
  | "render_failed"
  | "browser_unavailable"
  | "page_blocked"
  | "page_too_heavy"
  | "embed_failed"
  | "embed_key_refused"
  | "embed_quota_spent"
  | "embed_mismatch"
  | "embed_unavailable"
  | "embed_model_unknown"
  | "embed_wrong_dimensions"
  | "embed_text_refused"
  | "embed_rate_limited"
  | "embed_timed_out"
  | "embed_unreachable"
  | "chat_failed"
  | "chat_key_refused"
  | "chat_quota_spent"
  | "chat_model_unknown"
  | "chat_unavailable"
  | "chat_refused"
  | "chat_too_long"
  | "chat_mismatch"
  | "rerank_failed"
  | "signature_wrong"
  | "secret_missing"
  | "shortcut_token_missing"
  | "shortcut_token_refused"
  | "shortcut_story_gone"
  | "shortcut_unavailable"
  | "shortcut_mismatch"
  | "shortcut_failed"
  | "refresh_rejected"
  | "superseded";

const ADVICE: Readonly<Record<Known, Advice>> = {
  internal_error: { what: "Something went wrong in the server", todo: "Try again. If it happens again, the server's log says more." },
  invalid_field: { what: "A value is not valid", todo: "Correct the value that is named and try again." },
  invalid_url: { what: "This is not a web address", todo: "Give a full address such as https://docs.example.org/." },
  unsupported_scheme: { what: "This kind of address can't be crawled", todo: "Use an address that begins with http:// or https://." },
  missing_host: { what: "The address names no host", todo: "Give a full address such as https://docs.example.org/." },
  url_has_userinfo: { what: "The address carries a user name or password", todo: "Leave out the part before the @." },
  bad_request: { what: "The server could not read the request", todo: "Reload the page and try again." },
  unauthorized: { what: "The server needs an API key", todo: "Enter one of the keys that the server was started with." },
  forbidden: { what: "The server refused this request", todo: "Open the UI under the server's own address." },
  not_found: { what: "There is no such thing here", todo: "It may have been deleted. Go back to the list." },
  method_not_allowed: { what: "The server does not take this request", todo: "Reload the page and try again." },
  http_error: { what: "The server could not take the request", todo: "Reload the page and try again." },
  wrong_state: { what: "This can't be done in the task's present state", todo: "Look at how the task stands now, then try again." },
  idempotency_conflict: { what: "The same request was sent with another content", todo: "Try again." },
  queue_full: { what: "The queue is full", todo: "Wait until some tasks are done, then try again." },
  storage_error: { what: "The server could not store it", todo: "Check the data folder's permissions, then retry." },
  storage_away: { what: "The database does not answer", todo: "Check that it runs and can be reached; what was stored is kept." },
  storage_full: { what: "The server's disk is full", todo: "Make room on the disk, then retry: what was stored is kept." },
  upload_too_large: { what: "The file is larger than the limit", todo: "Split it, or raise GLEANERY_MAX_UPLOAD_BYTES and restart." },
  unsupported_type: { what: "This kind of file can't be read", todo: "Send a PDF, DOCX, Markdown, HTML or text file, a notebook or an OpenAPI document." },
  upload_gone: { what: "The uploaded file is not there any more", todo: "Upload it again." },
  lease_lost: { what: "Another worker took this task over", todo: "Nothing to do: the other worker goes on with it." },
  worker_lost: {
    what: "The process that ran the task died again and again",
    todo: "Look at the server's log, and whether the machine has enough memory, then retry.",
  },
  task_timed_out: { what: "The task took longer than it may", todo: "Ask for less at once, then retry." },
  memory_limit_exceeded: { what: "The task took more memory than it may", todo: "Ask for less at once, then retry." },
  process_failed: { what: "The task stopped at a defect", todo: "The server's log says more. Report it with the details." },
  process_died: { what: "A process of the task ended without an answer", todo: "Retry. If it stays so, look at the machine's memory." },
  dependency_failed: { what: "A task that this one waited for did not complete", todo: "Retry that one, then this one." },
  step_failed: { what: "The test task came to the step where it was told to fail", todo: "Nothing to do: it was asked to." },
  no_live_line: { what: "There is no live connection", todo: "Something between may not let WebSockets through." },
  bad_answer: { what: "What answers is no gleanery server of this version", todo: "Reload the page." },
  server_unreachable: { what: "The server doesn't answer", todo: "Check that gleanery is running, then try again." },
  fetch_failed: { what: "The page could not be read", todo: "Open it in a browser to see whether it is there, then retry." },
  address_forbidden: {
    what: "The address is private or reserved",
    todo: "If this is a server of your own, allow its address with GLEANERY_ALLOW_ADDRESSES.",
  },
  host_not_found: { what: "The site's name does not exist", todo: "Check the address for a typo, and the network's DNS." },
  connect_failed: { what: "The site can't be reached", todo: "Check that it is up, then retry." },
  tls_failed: { what: "The site's certificate is not valid", todo: "Check the address; the site's owner may have to renew it." },
  timed_out: { what: "The site took too long to answer", todo: "Retry later, when it is less busy." },
  redirect_loop: { what: "The site redirects in a circle", todo: "Crawl the address where it should end up." },
  redirect_refused: { what: "The site redirects to an address that may not be fetched", todo: "Crawl the target itself if you trust it." },
  robots_denied: {
    what: "The site's robots.txt does not allow this",
    todo: "Crawl another path, or ask the site's owner to allow your crawler.",
  },
  robots_unreachable: { what: "The site's robots.txt can't be had", todo: "Check that the site is up, then retry: without it nothing may be crawled." },
  too_large: { what: "The page is larger than the limit", todo: "Exclude it, or crawl the parts it links to." },
  not_html: { what: "This is a kind of document that isn't read", todo: "Crawl a page, a PDF or another kind that is read." },
  broken_body: { what: "The page arrived damaged", todo: "Retry; if it stays so, the site sends it damaged." },
  empty_page: { what: "There is no text on the page", todo: "Crawl it with rendering in the browser if it needs JavaScript to show its text." },
  extract_failed: { what: "The page could not be taken apart", todo: "Exclude it, or report it as a bug with its address." },
  render_failed: { what: "The page broke in the browser", todo: "Retry; if a click, a script or a wait was asked for, check its selector." },
  browser_unavailable: { what: "There is no browser to render the page", todo: "Set GLEANERY_BROWSER or run make browser, or crawl over HTTP." },
  page_blocked: { what: "The site turns the browser away", todo: "Open it yourself: it may want a log-in or a human. Try later, or with headers and cookies of a session." },
  page_too_heavy: { what: "The page took more than one page may", todo: "Parse a lighter page of the site; the server has other pages to serve." },
  embed_failed: { what: "Vectors could not be made", todo: "Search finds the pages by words. Retry to make the vectors." },
  embed_key_refused: { what: "The embedding service refused the API key", todo: "Set a valid key, restart, then retry." },
  embed_quota_spent: { what: "The embedding account has no quota left", todo: "Raise the quota, then retry: nothing is fetched again." },
  embed_mismatch: { what: "The embedding model is not the one that is set", todo: "Check the model's name in the settings." },
  embed_unavailable: { what: "The embedding service doesn't answer", todo: "Retry later: nothing is fetched again." },
  embed_model_unknown: { what: "The embedding service has no such model", todo: "Check GLEANERY_EMBEDDING_MODEL, or choose another embedder." },
  embed_wrong_dimensions: { what: "The model's vectors have another length than is set", todo: "Set the length that it has, or none." },
  embed_text_refused: { what: "The embedding service refused a text", todo: "It is found by words; it is tried again with the next refresh." },
  embed_rate_limited: { what: "The embedding service allows no more for now", todo: "Retry later, or set GLEANERY_EMBEDDING_REQUESTS_PER_MINUTE." },
  embed_timed_out: { what: "The embedding service took too long", todo: "Retry later: nothing is fetched again." },
  embed_unreachable: { what: "The embedding service can't be reached", todo: "Check OPENAI_BASE_URL and the network, then retry." },
  chat_failed: { what: "The chat model gave no usable answer", todo: "Retry later: what it has answered is kept." },
  chat_key_refused: { what: "The chat service refused the API key", todo: "Set a valid OPENAI_API_KEY and restart the server, then retry." },
  chat_quota_spent: { what: "The account of the chat service has no quota left", todo: "Add credit, then retry: what was answered is kept." },
  chat_model_unknown: { what: "The chat service has no such model", todo: "Check GLEANERY_CHAT_MODEL." },
  chat_unavailable: { what: "The chat service doesn't answer", todo: "Retry later: what it has answered is kept." },
  chat_refused: { what: "The chat model would not answer", todo: "Nothing needs to be done; search goes on without it." },
  chat_too_long: { what: "The question or the answer was too long for the chat model", todo: "Nothing needs to be done; search goes on without it." },
  chat_mismatch: { what: "The chat model answered in another form than was asked", todo: "Try another model." },
  rerank_failed: { what: "The hits could not be put in a better order", todo: "They are shown in the order that they had." },
  signature_wrong: { what: "The webhook was not signed with the workspace's secret", todo: "Give Shortcut and the workspace the same secret." },
  secret_missing: { what: "The workspace has no secret for its webhooks", todo: "Set one under Stories, Workspaces." },
  shortcut_token_missing: { what: "The workspace has no API token", todo: "Set one under Stories, Workspaces, then go on with the story." },
  shortcut_token_refused: { what: "Shortcut refused the API token", todo: "Set another one under Stories, Workspaces, then go on with the story." },
  shortcut_story_gone: { what: "Shortcut has no such story", todo: "It may have been deleted, or the API token may not see it." },
  shortcut_unavailable: { what: "Shortcut doesn't answer as it should", todo: "Go on with the story later: what was made is kept." },
  shortcut_mismatch: { what: "Shortcut's answer has a form that is not known", todo: "Check GLEANERY_SHORTCUT_URL, then go on with the story." },
  shortcut_failed: { what: "Shortcut refused the request", todo: "Look at the story in Shortcut, then go on with it here." },
  refresh_rejected: { what: "The refresh would take too much away, so it is not shown", todo: "Look at the reasons: take it all the same, or refresh again." },
  superseded: { what: "A newer request took this one's place", todo: "Nothing to do: follow the newer task." },
};

const DEFAULT: Advice = { what: "Something went wrong", todo: "Try again. If it happens again, copy the details for a bug report." };

const BAD_SELECTOR: Advice = { what: "What was to be waited for is no CSS selector", todo: "Change the selector, then start again." };
const NOT_SHOWN: Advice = { what: "What was waited for was never shown", todo: "Check the selector, or allow more time." };
const BUSY: Advice = { what: "The page kept the browser busy for too long", todo: "Allow more time." };
const AT_REST: Advice = { what: "The browser died again and again, and is given a rest", todo: "Retry in a minute." };

/** As `adviceFor` its code, nearer where its details tell more. */
export function adviceOf({ code, details }: Pick<ErrorBody, "code" | "details">): Advice {
  if (code === "render_failed" && details["reason"] === "bad_selector") return BAD_SELECTOR;
  if (code === "timed_out" && "wait_for" in details) return NOT_SHOWN;
  if (code === "timed_out" && details["has_come"] === true) return BUSY;
  if (code === "browser_unavailable" && "retry_after" in details) return AT_REST;
  return adviceFor(code);
}

export function adviceFor(code: string): Advice {
  if (Object.hasOwn(ADVICE, code)) return ADVICE[code as Known];
  const status = /^http_(\d{3})$/.exec(code)?.[1];
  return status === undefined ? DEFAULT : httpAdvice(Number(status));
}

function httpAdvice(status: number): Advice {
  const what = `The site answered with status ${status}`;
  if (status === 401 || status === 403) return { what, todo: "The page is not public, or the site turns crawlers away." };
  if (status === 404 || status === 410) return { what, todo: "The page is gone. Links to it may be out of date." };
  if (status === 429) return { what, todo: "The site wants fewer requests. Retry in a while." };
  return status >= 500 ? { what, todo: "The site has trouble. Retry later." } : { what, todo: DEFAULT.todo };
}

/** An error as text to paste into a bug report. */
export function errorReport(error: ErrorBody, context: Readonly<Record<string, string>>): string {
  return JSON.stringify({ ...context, code: error.code, message: error.message, details: error.details }, null, 2);
}
