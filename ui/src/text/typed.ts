// What somebody typed into the search field, as far as the UI has to know: filters written in it, quotes, corrections.

const PREFIXED = /(?<!\S)(?:site|source|tag|kind|lang|language|path|version|code):(?:"[^"]*"|[^\s"]+)(?!\S)/gi;
const EXCLUDED = /(?<!\S)-"[^"]*"/g;

export interface Piece {
  readonly text: string;
  readonly isCorrected: boolean;
}

/** The query as it was searched for, in pieces: `corrections` has words as typed with those that were looked for instead. */
export function correctedPieces(query: string, corrections: Readonly<Record<string, string>>): Piece[] {
  const words = Object.keys(corrections).sort((a, b) => b.length - a.length);
  if (words.length === 0) return [{ text: query, isCorrected: false }];
  const byKey = new Map(Object.entries(corrections).map(([word, better]) => [word.toLowerCase(), better]));
  const pattern = new RegExp(`(?<!\\p{L})(${words.map(literal).join("|")})(?!\\p{L})`, "giu");
  return query
    .split(pattern)
    .map((text, index): Piece => {
      const better = index % 2 === 0 ? undefined : byKey.get(text.toLowerCase());
      return { text: better ?? text, isCorrected: better !== undefined };
    })
    .filter(({ text }) => text !== "");
}

function literal(word: string): string {
  return word.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&").replace(/\\-/g, "-");
}

/** The filters that are written in the query, such as `site:docs.test`, and what it leaves out. */
export function writtenFilters(query: string): string[] {
  return [...query.matchAll(PREFIXED), ...query.matchAll(EXCLUDED)].map(([written]) => written);
}

export function without(query: string, written: string): string {
  return query.replace(written, " ").replace(/\s+/g, " ").trim();
}

/** Without the quotes around phrases: their words are looked for one by one. */
export function unquoted(query: string): string {
  return query.replace(/(?<![\S])["“]([^"”]*)["”]/g, "$1");
}

/** The two longest of many words, which say the most; null where there are few. */
export function fewerWords(query: string): string | null {
  const words = query.split(/\s+/).filter((word) => word !== "");
  if (words.length < 4 || /[:"]/.test(query)) return null;
  const longest = [...words].sort((a, b) => b.length - a.length).slice(0, 2);
  return words.filter((word) => longest.includes(word)).join(" ");
}
