// What a score is made of, in words. Pure.

interface Ranking {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly unit: string;
}

const RANKINGS: readonly Ranking[] = [
  { name: "keyword", label: "words", help: "Its words are those of the search, and rare ones count more", unit: "BM25" },
  { name: "vector", label: "meaning", help: "It says what was asked, perhaps in other words", unit: "cosine" },
  { name: "links", label: "links", help: "It is mostly links: it leads to answers and has none", unit: "" },
  { name: "rerank", label: "second look", help: "The reranker read query and passage together", unit: "reranker" },
];

export interface ScorePart {
  readonly name: string;
  readonly label: string;
  readonly help: string;
  readonly added: string;
  readonly rank: string;
  readonly raw: string;
}

export function partsOf(scores: Readonly<Record<string, number>>): ScorePart[] {
  return RANKINGS.flatMap(({ name, label, help, unit }) => {
    const [added, rank, raw] = [scores[name], scores[`${name}_rank`], scores[`${name}_raw`]];
    if (added === undefined) return [];
    return [
      {
        name,
        label,
        help,
        added: `${added < 0 ? "−" : "+"}${Math.abs(added).toFixed(3)}`,
        rank: rank === undefined ? "" : String(rank),
        raw: raw === undefined ? "" : `${unit} ${raw.toFixed(2)}`,
      },
    ];
  });
}

const PLACES: Readonly<Record<string, string>> = { title: "the title", headings: "the headings", content: "the text", context: "what stands before it" };

export function matchedText(matched: readonly string[]): string {
  const places = matched.map((place) => PLACES[place] ?? place);
  if (places.length === 0) return "None of the words stand in it: it was found by its meaning.";
  const last = places.at(-1) ?? "";
  return `Words of the search stand in ${places.length === 1 ? last : `${places.slice(0, -1).join(", ")} and ${last}`}.`;
}
