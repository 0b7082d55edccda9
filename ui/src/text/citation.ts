// A hit as Markdown to paste elsewhere, with where it is from: headings and URL.

import { safeHref } from "./visible";

interface Cited {
  readonly title: string;
  readonly heading_path: readonly string[];
  readonly url: string;
}

const FENCE = /^ {0,3}(`{3,}|~{3,})/;

/** The passage as a quotation; its code stays in its fences. */
export function passageCitation(hit: Cited & { readonly content: string }): string {
  const quoted = closed(hit.content)
    .split("\n")
    .map((line) => (line === "" ? ">" : `> ${line}`));
  return `${quoted.join("\n")}\n\n${sourceLine(hit)}\n`;
}

/** The code in a fence of its own, longer than any run of backticks in it. */
export function codeCitation(hit: Cited & { readonly code: string; readonly language: string | null }): string {
  const longest = Math.max(2, ...[...hit.code.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  const language = /^[\w+#.-]+$/.test(hit.language ?? "") ? hit.language : "";
  return `${fence}${language ?? ""}\n${hit.code.replace(/\n$/, "")}\n${fence}\n\n${sourceLine(hit)}\n`;
}

/** A slice may end within code: its fence is closed, so that what is pasted after it is no code. */
function closed(content: string): string {
  let open: string | null = null;
  for (const line of content.split("\n")) {
    const run = FENCE.exec(line)?.[1];
    if (run === undefined) continue;
    if (open === null) open = run;
    else if (run.startsWith(open) && line.trim() === run) open = null;
  }
  const text = content.replace(/\s+$/, "");
  return open === null ? text : `${text}\n${open}`;
}

/** "— [Page › Section](url)". */
function sourceLine({ title, heading_path: path, url }: Cited): string {
  const names = path[0] === title || title === "" ? path : [title, ...path];
  const href = safeHref(url);
  const label = (names.length === 0 ? url : names.join(" › ")).replace(/\s+/g, " ");
  if (href === null) return `— ${escaped(label)}`;
  return `— [${escaped(label)}](${href.replace(/[()]/g, (bracket) => (bracket === "(" ? "%28" : "%29"))})`;
}

/** Headings are Markdown of a page already, but may not end the link's text. */
function escaped(label: string): string {
  return label.replace(/[[\]<>]/g, "\\$&");
}
