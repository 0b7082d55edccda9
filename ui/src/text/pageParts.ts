// A long page is rendered in parts, so that no single one holds the browser up. A part can be read by itself: it begins at
// a block of its own and has the definitions that its links and notes need.

export interface Part {
  /** Where it is in the page's Markdown, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** What is rendered. A place in it is `shift` further on in the page. */
  readonly text: string;
  readonly shift: number;
}

const LEAST = 1_500;
const USUAL = 5_000;
const MOST = 10_000;
const FENCE = /^ {0,3}(`{3,}|~{3,})/;
const HEADING = /^#{1,6} /;
const ITEM = /^(?:[-*+]|\d{1,9}[.)]) /;
const ROW = /^\|/;
const DIVIDER = /^\|[ :|-]+\|?\s*$/;
const LINK_DEFINITION = /^\[(?!\^)((?:[^\][\\]|\\.)+)\]: \S.*$/gm;
const NOTE_DEFINITION = /^\[\^([^\]\s]+)\]: .*(?:\n(?: {4}.*|[ \t]*(?=\n {4})))*/gm;
const NOTE = /\[\^([^\]\s]+)\](?!:)/g;

export function partsOf(markdown: string): readonly Part[] {
  const definitions = definitionsOf(markdown);
  return cutsOf(markdown).map(({ start, end, head }) => {
    const own = head + markdown.slice(start, end);
    return { start, end, text: own + definitions(own), shift: start - head.length };
  });
}

interface Cut {
  readonly start: number;
  readonly end: number;
  /** The head of a table that goes on in this part. */
  readonly head: string;
}

function cutsOf(markdown: string): Cut[] {
  const cuts: Cut[] = [];
  const lines = new Lines();
  let start = 0;
  let head = "";
  let offset = 0;
  for (const line of markdown.split("\n")) {
    const kind = lines.next(line);
    if (kind !== null && offset - start >= WORTH[kind]) {
      cuts.push({ start, end: offset, head });
      start = offset;
      head = kind === "row" ? lines.tableHead : "";
    }
    offset += line.length + 1;
  }
  cuts.push({ start, end: markdown.length, head });
  return cuts;
}

type Place = "heading" | "block" | "item" | "row";

/** How long a part has to be to end at such a place: the better the place, the sooner. */
const WORTH: Readonly<Record<Place, number>> = { heading: LEAST, block: USUAL, item: MOST, row: USUAL };

/** Reads line by line, and says before which a part may begin. */
class Lines {
  tableHead = "";
  private fence: string | null = null;
  private before = "";
  private isAfterBlank = true;

  next(line: string): Place | null {
    const place = this.placeOf(line);
    const run = FENCE.exec(line)?.[1] ?? "";
    if (this.fence === null) this.fence = run === "" ? null : run;
    else if (run.startsWith(this.fence) && line.trim() === run) this.fence = null;
    if (DIVIDER.test(line) && ROW.test(this.before)) this.tableHead = `${this.before}\n${line}\n`;
    this.before = line;
    this.isAfterBlank = line.trim() === "";
    return place;
  }

  private placeOf(line: string): Place | null {
    if (this.fence !== null || line === "" || /^\s/.test(line)) return null;
    if (HEADING.test(line)) return "heading";
    if (this.isAfterBlank) return "block";
    if (ITEM.test(line)) return "item";
    return ROW.test(line) && ROW.test(this.before) && !DIVIDER.test(line) && !DIVIDER.test(this.before) && this.tableHead !== ""
      ? "row"
      : null;
  }
}

/** What has to be added to a part, so that its references lead where they lead in the page. */
function definitionsOf(markdown: string): (text: string) => string {
  const links = [...markdown.matchAll(LINK_DEFINITION)].map(([text, label = ""]) => ({ text, mark: `[${label}]`.toLowerCase() }));
  const notes = new Map([...markdown.matchAll(NOTE_DEFINITION)].map(([text, label = ""]) => [label, text]));
  if (links.length === 0 && notes.size === 0) return () => "";
  return (text) => {
    const small = text.toLowerCase();
    const needed = new Set(links.filter(({ text: line, mark }) => small.includes(mark) && !text.includes(line)).map((link) => link.text));
    for (const [, label = ""] of text.matchAll(NOTE)) {
      const note = notes.get(label);
      if (note !== undefined && !text.includes(note)) needed.add(note);
    }
    return needed.size === 0 ? "" : `\n\n${[...needed].join("\n\n")}\n`;
  };
}

export interface Notes {
  /** All notes of the page as Markdown with a reference to each; empty where there are none. */
  readonly text: string;
  /** Each label's number, in the order in which the page refers to them. */
  readonly numbers: ReadonlyMap<string, number>;
}

export function notesOf(markdown: string): Notes {
  const notes = new Map([...markdown.matchAll(NOTE_DEFINITION)].map(([text, label = ""]) => [label, text]));
  const used = [...new Set([...markdown.matchAll(NOTE)].map(([, label = ""]) => label))].filter((label) => notes.has(label));
  const text = used.length === 0 ? "" : `${used.map((label) => `[^${label}]`).join(" ")}\n\n${used.map((label) => notes.get(label) ?? "").join("\n\n")}\n`;
  return { text, numbers: new Map(used.map((label, index) => [label, index + 1])) };
}

/** The part in which a place is. */
export function partAt(parts: readonly Part[], offset: number): number {
  const at = parts.findIndex((part) => offset < part.end);
  return at < 0 ? parts.length - 1 : at;
}

/** The parts in the order in which they are wanted: those from `first` on, by nearness. */
export function byNearness(count: number, first: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index).sort((a, b) => distance(a, first) - distance(b, first));
}

/** What is below is read next; what is above can wait a little. */
function distance(index: number, first: number): number {
  return index >= first ? index - first : 2 * (first - index) + 0.5;
}
