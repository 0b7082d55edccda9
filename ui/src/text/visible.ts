// Characters that change the direction of text can make a page's text look like something else: they are shown by name.

const NAMES: Readonly<Record<string, string>> = {
  "\u061c": "ALM",
  "\u200e": "LRM",
  "\u200f": "RLM",
  "\u202a": "LRE",
  "\u202b": "RLE",
  "\u202c": "PDF",
  "\u202d": "LRO",
  "\u202e": "RLO",
  "\u2066": "LRI",
  "\u2067": "RLI",
  "\u2068": "FSI",
  "\u2069": "PDI",
};
const CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** `text` with its bidirectional controls spelled out, like ⟨RLO⟩. */
export function visible(text: string): string {
  return text.replace(CONTROLS, (control) => `⟨${NAMES[control] ?? "?"}⟩`);
}

/** The URL as a link's target when it is one that may be opened; null for scripts, data and anything else. */
export function safeHref(href: string, base?: string): string | null {
  if (!URL.canParse(href, base)) return null;
  const url = new URL(href, base);
  return ["http:", "https:", "mailto:"].includes(url.protocol) ? url.href : null;
}
