// A passage is a slice of Markdown with marks on its characters. It is not rendered (a slice may begin anywhere), but
// cut into prose and code, with the syntax that only gets in the way of reading left out.

import type { Range } from "../wire";
import { type Span, spansOf, type Token } from "./spans";

export interface Block {
  readonly kind: "prose" | "code";
  readonly language: string | null;
  readonly start: number;
  readonly end: number;
  readonly spans: readonly Span[];
}

const FENCE = /^((?:>[ \t]?)*) {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)/;
const HEADING = /^(#{1,6} )(.*)$/gm;
const LINK = /(!?\[)((?:[^\][\\]|\\.)*)(\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?: "[^"\n]*")?\))/g;
const CODE = /(`+)([^`\n]+)\1/g;
const STRONG = /(\*\*|__)(?=\S)([^\n]*?\S)\1/g;
const EMPHASIS = /(?<![\w*\\])(\*)(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])/g;
const ESCAPE = /\\(?=[!-/:-@[-`{-~])/g;
const HIDDEN = "hidden";
const MOST_QUOTATIONS = 100;

/** Blocks of `content`; `marks` in UTF-16 units of it. Characters that are marked are never left out. */
export function blocksOf(content: string, marks: readonly Range[]): Block[] {
  return cut(content).map(({ kind, language, depth, start, end }) => {
    const text = content.slice(start, end);
    const inside = marks
      .filter(([from, to]) => to > start && from < end)
      .map(([from, to]): Range => [Math.max(from, start) - start, Math.min(to, end) - start]);
    const tokens = kind === "prose" ? syntaxOf(text) : quotesOf(text, depth);
    const spans = spansOf(text, tokens, inside).filter((span) => span.style !== HIDDEN || span.isMarked);
    return { kind, language, start, end, spans };
  });
}

interface Piece {
  kind: "prose" | "code";
  language: string | null;
  /** In how many quotations a fence stands. */
  depth: number;
  start: number;
  end: number;
}

/** Prose and fenced code by turns. A slice that begins inside a fence shows that code as prose: it can't be known. */
function cut(content: string): Piece[] {
  const pieces: Piece[] = [];
  let open: { fence: string; language: string | null; depth: number; start: number } | null = null;
  let proseStart = 0;
  let offset = 0;
  for (const line of content.split("\n")) {
    const end = offset + line.length + 1;
    const fence = FENCE.exec(line);
    const run = fence?.[2] ?? "";
    if (open === null && fence !== null) {
      pieces.push({ kind: "prose", language: null, depth: 0, start: proseStart, end: offset });
      const depth = (fence[1] ?? "").split(">").length - 1;
      open = { fence: run, language: fence[3] ?? null, depth, start: Math.min(end, content.length) };
    } else if (open !== null && run.startsWith(open.fence) && line.replace(quotes(open.depth), "").trim() === run) {
      const { language, depth, start } = open;
      pieces.push({ kind: "code", language, depth, start, end: Math.max(start, offset - 1) });
      open = null;
      proseStart = Math.min(end, content.length);
    }
    offset = end;
  }
  if (open !== null) {
    const { language, depth, start } = open;
    pieces.push({ kind: "code", language, depth, start, end: content.length });
  } else pieces.push({ kind: "prose", language: null, depth: 0, start: proseStart, end: content.length });
  return pieces
    .flatMap((piece) => (piece.kind === "prose" ? paragraphs(content, piece) : [piece]))
    .filter((piece) => content.slice(piece.start, piece.end).trim() !== "");
}

/** Prose at its blank lines. A table keeps its columns when it is shown as code is. */
function paragraphs(content: string, { start, end }: Piece): Piece[] {
  const pieces: Piece[] = [];
  const first = start + (/^(?:[ \t>]*\n)*/.exec(content.slice(start, end))?.[0].length ?? 0);
  let from = first;
  for (const gap of content.slice(first, end).matchAll(/\n[ \t>]*\n[\s>]*|\s+$/g)) {
    pieces.push(paragraph(content, from, first + gap.index));
    from = first + gap.index + gap[0].length;
  }
  pieces.push(paragraph(content, from, end));
  return pieces;
}

function paragraph(content: string, start: number, end: number): Piece {
  const isTable = /^\|.*\|\n\|[ :|-]+\|/.test(content.slice(start, end));
  return { kind: isTable ? "code" : "prose", language: null, depth: 0, start, end };
}

/** What begins lines in so many quotations. What follows belongs to what is quoted, as in `>>> x`. */
function quotes(depth: number): RegExp {
  return new RegExp(`^(?:>[ \\t]?){0,${depth}}`, "gm");
}

function quotesOf(text: string, depth: number): Token[] {
  return [...text.matchAll(quotes(depth))].map(({ 0: run, index }) => ({ start: index, end: index + run.length, style: HIDDEN }));
}

function syntaxOf(text: string): Token[] {
  const tokens: Token[] = [];
  const taken = new Uint8Array(text.length);
  const add = (start: number, end: number, style: string): void => {
    if (end <= start || taken.subarray(start, end).includes(1)) return;
    taken.fill(1, start, end);
    tokens.push({ start, end, style });
  };
  const wrap = (pattern: RegExp, style: string | null): void => {
    for (const match of text.matchAll(pattern)) {
      const [whole, before = "", inner = ""] = match;
      const from = match.index + before.length;
      if (taken.subarray(match.index, from).includes(1)) continue;
      add(match.index, from, HIDDEN);
      if (style !== null) add(from, from + inner.length, style);
      add(from + inner.length, match.index + whole.length, HIDDEN);
    }
  };
  for (const { start, end, style } of quotesOf(text, MOST_QUOTATIONS)) add(start, end, style);
  wrap(CODE, "code");
  wrap(LINK, null);
  wrap(HEADING, "strong");
  wrap(STRONG, "strong");
  wrap(EMPHASIS, "em");
  for (const match of text.matchAll(ESCAPE)) add(match.index, match.index + 1, HIDDEN);
  return tokens.sort((a, b) => a.start - b.start);
}
