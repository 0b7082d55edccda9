// Why a URL of a crawl gave no page of its own: in a few words for a list, in a sentence for help.

import { adviceFor } from "./failure";
import { lowered } from "./format";

export interface Reason {
  readonly label: string;
  readonly help: string;
}

/** What skips a URL. What fails one is an error: see `failure`. */
const SKIPPED: Readonly<Record<string, Reason>> = {
  other_host: { label: "on another host", help: "They are on another host than the start. Crawl that host too, or take subdomains." },
  outside_path: { label: "outside the start folder", help: "They are outside the folder of the start. Start higher up, or include their paths." },
  excluded: { label: "excluded", help: "They match a pattern that was to be left out." },
  not_included: { label: "not among the included", help: "They match none of the patterns that were to be taken." },
  too_deep: { label: "too many links away", help: "They are more links away from the start than was asked for." },
  not_a_document: { label: "not a document", help: "Their paths end like a picture, an archive or another file that isn't read." },
  other_language: { label: "another language", help: "They are pages in another language than the one that is taken." },
  other_version: { label: "another version", help: "They are pages of another version than the one that is taken." },
  url_too_long: { label: "address too long", help: "They have too many characters, folders or parameters to be the address of a page." },
  repeating_path: { label: "folders in a circle", help: "Their folders repeat each other, as in a circle of links." },
  calendar: { label: "calendar", help: "They are pages of a calendar, which has no end." },
  session_id: { label: "session id", help: "They were found already, under the id of another session." },
  endless_query: { label: "endless parameters", help: "They only combine parameters that were seen already, as filters do, which has no end." },
  too_many_alike: { label: "too many alike", help: "More addresses of their pattern were taken than a crawl takes of one." },
  nothing_new: { label: "nothing new", help: "Addresses of their pattern gave nothing but pages that are stored already." },
  duplicate: { label: "already stored", help: "They lead to a page that is stored already." },
  same_content: { label: "same content", help: "Another page of this crawl has the same content." },
  canonical: { label: "other canonical address", help: "The pages name another address as their canonical one, which is crawled instead." },
  noindex: { label: "asks not to be indexed", help: "The pages ask not to be indexed." },
  soft_404: { label: "says not found", help: "The pages say that there is nothing, though the site answered that all is well." },
  part: { label: "not stored yet", help: "They are parts of a document that is being stored." },
  listing: { label: "a list of pages", help: "They are no pages but lists of pages, which are taken." },
  markdown_twin: { label: "Markdown of a page", help: "They are the Markdown of pages, which are stored under those pages' addresses." },
  page_limit: { label: "page limit reached", help: "The crawl had as many pages as it may have." },
  time_limit: { label: "time limit reached", help: "The crawl had taken as long as it may take." },
  robots_denied: { label: "robots.txt says no", help: "The site's robots.txt does not allow them." },
  redirect_refused: { label: "redirects elsewhere", help: "They redirect to what is not part of the crawl." },
  not_html: { label: "not a readable kind", help: "They are a kind of document that isn't read." },
  empty_page: { label: "no text", help: "There is nothing to read on them." },
};

/** Whether it says that a URL is nothing for the crawl, rather than that something went wrong. */
export function isSkipping(code: string): boolean {
  return Object.hasOwn(SKIPPED, code);
}

export function reasonOf(code: string): Reason {
  const known = Object.hasOwn(SKIPPED, code) ? SKIPPED[code] : undefined;
  if (known !== undefined) return known;
  const { what, todo } = adviceFor(code);
  return { label: /^http_\d{3}$/.test(code) ? `answered ${code.slice("http_".length)}` : lowered(what), help: `${what}. ${todo}` };
}

export function reasonText(code: string): string {
  return reasonOf(code).label;
}
