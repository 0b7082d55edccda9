// What a hit is called, where it is, what may be copied of it.

import { codeCitation, passageCitation } from "../../text/citation";
import { shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { CodeHit, HitShape } from "../../wire";

interface Named {
  readonly title: string;
  readonly url: string;
  readonly heading_path: readonly string[];
}

/** Headings are Markdown: without its marks of code. */
function plain(heading: string): string {
  return visible(heading.replaceAll("`", ""));
}

/** "Web server: Graceful shutdown". */
export function hitTitle({ title, url, heading_path: path }: Named): string {
  const last = path.at(-1);
  const name = title === "" ? (path[0] ?? shortUrl(url)) : title;
  return last === undefined || last === name ? plain(name) : `${plain(name)}: ${plain(last)}`;
}

/** "docs.aiohttp.org › Server › Advanced › Graceful shutdown". */
export function crumbOf(source: string, { heading_path: path }: Named): string {
  return [source, ...path.map(plain)].join(" › ");
}

/** The same without its end, for where the title that says it follows. */
export function shortCrumb(source: string, { heading_path: path, ...rest }: Named): string {
  return crumbOf(source, { ...rest, heading_path: path.slice(0, -1) });
}

export function codeTitle({ name, ...hit }: CodeHit): string {
  return name === "" ? hitTitle(hit) : visible(name);
}

/** The hash of the page view. */
export function codeHash({ start, end }: CodeHit): string {
  return `c${start}-${end}`;
}

export interface Copyable {
  readonly id: string;
  readonly markdown: string;
  /** Within this server. */
  readonly path: string;
}

export function copyableHit(hit: HitShape): Copyable {
  return { id: hit.chunk_id, markdown: passageCitation(hit), path: pagePath(hit, hit.chunk_id) };
}

export function copyableCode(hit: CodeHit): Copyable {
  return { id: hit.code_id, markdown: codeCitation(hit), path: pagePath(hit, codeHash(hit)) };
}

function pagePath({ source_id: source, page_id: page }: { source_id: string; page_id: string }, hash: string): string {
  return `/sources/${encodeURIComponent(source)}/pages/${encodeURIComponent(page)}#${hash}`;
}
