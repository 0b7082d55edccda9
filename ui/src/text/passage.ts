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

const FENCE = /^(?:>[ \t]?)* {0,3}(`{3,}|~{3,})[ \t]*([^\s`]*)/;
const QUOTE = /^(?:>[ \t]?)+/gm;
const HEADING = /^(#{1,6} )(.*)$/gm;
const LINK = /(!?\[)((?:[^\][\\]|\\.)*)(\]\([^()\s]*(?:\([^()\s]*\)[^()\s]*)*(?: "[^"\n]*")?\))/g;
const CODE = /(`+)([^`\n]+)\1/g;
const STRONG = /(\*\*|__)(?=\S)([^\n]*?\S)\1/g;
const EMPHASIS = /(?<![\w*\\])(\*)(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])/g;
const ESCAPE = /\\(?=[!-/:-@[-`{-~])/g;
const HIDDEN = "hidden";

/** Blocks of `content`; `marks` in UTF-16 units of it. Characters that are marked are never left out. */
export function blocksOf(content: string, marks: readonly Range[]): Block[] {
  return cut(content).map(({ kind, language, start, end }) => {
    const text = content.slice(start, end);
    const inside = marks
      .filter(([from, to]) => to > start && from < end)
      .map(([from, to]): Range => [Math.max(from, start) - start, Math.min(to, end) - start]);
    const tokens = kind === "prose" ? syntaxOf(text) : quotesOf(text);
    const spans = spansOf(text, tokens, inside).filter((span) => span.style !== HIDDEN || span.isMarked);
    return { kind, language, start, end, spans };
  });
}

interface Piece {
  kind: "prose" | "code";
  language: string | null;
  start: number;
  end: number;
}

/** Prose and fenced code by turns. A slice that begins inside a fence shows that code as prose: it can't be known. */
function cut(content: string): Piece[] {
  const pieces: Piece[] = [];
  let open: { fence: string; language: string | null; start: number } | null = null;
  let proseStart = 0;
  let offset = 0;
  for (const line of content.split("\n")) {
    const end = offset + line.length + 1;
    const fence = FENCE.exec(line);
    const run = fence?.[1] ?? "";
    if (open === null && fence !== null) {
      pieces.push({ kind: "prose", language: null, start: proseStart, end: offset });
      open = { fence: run, language: fence[2] ?? null, start: Math.min(end, content.length) };
    } else if (open !== null && run.startsWith(open.fence) && line.replace(QUOTE, "").trim() === run) {
      pieces.push({ kind: "code", language: open.language, start: open.start, end: Math.max(open.start, offset - 1) });
      open = null;
      proseStart = Math.min(end, content.length);
    }
    offset = end;
  }
  if (open !== null) pieces.push({ kind: "code", language: open.language, start: open.start, end: content.length });
  else pieces.push({ kind: "prose", language: null, start: proseStart, end: content.length });
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
  return { kind: isTable ? "code" : "prose", language: null, start, end };
}

/** What begins the lines of a quotation. */
function quotesOf(text: string): Token[] {
  return [...text.matchAll(QUOTE)].map(({ 0: run, index }) => ({ start: index, end: index + run.length, style: HIDDEN }));
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
  for (const { start, end, style } of quotesOf(text)) add(start, end, style);
  wrap(CODE, "code");
  wrap(LINK, null);
  wrap(HEADING, "strong");
  wrap(STRONG, "strong");
  wrap(EMPHASIS, "em");
  for (const match of text.matchAll(ESCAPE)) add(match.index, match.index + 1, HIDDEN);
  return tokens.sort((a, b) => a.start - b.start);
}
