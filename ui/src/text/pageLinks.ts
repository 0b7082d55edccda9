// Where the links of a stored page lead: within it, to another stored page, or out.

export interface LinkTarget {
  /** Without its fragment. */
  readonly url: string;
  readonly fragment: string;
}

export function targetOf(href: string): LinkTarget {
  const at = href.indexOf("#");
  return at < 0 ? { url: href, fragment: "" } : { url: href.slice(0, at), fragment: decoded(href.slice(at + 1)) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const DESTINATION = /\]\(\s*<?([^\s()<>]+(?:\([^\s()<>]*\)[^\s()<>]*)*)|^\[[^\]]+\]: <?([^\s<>]+)/gm;

/** The pages of the same host that a page's Markdown links to, each once, as absolute URLs without fragments. */
export function linkedPages(markdown: string, baseUrl: string): readonly string[] {
  if (!URL.canParse(baseUrl)) return [];
  const { host } = new URL(baseUrl);
  const found = new Set<string>();
  for (const [, inline, defined] of markdown.matchAll(DESTINATION)) {
    const href = inline ?? defined ?? "";
    if (!URL.canParse(href, baseUrl)) continue;
    const url = new URL(href, baseUrl);
    if (url.host === host && /^https?:$/.test(url.protocol)) found.add(targetOf(url.href).url);
  }
  found.delete(targetOf(new URL(baseUrl).href).url);
  return [...found];
}
