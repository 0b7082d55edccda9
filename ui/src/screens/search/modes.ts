// The ways to match, in words.

import type { SearchMode } from "../../wire";

interface Words {
  readonly label: string;
  readonly by: string;
}

export const MODE_WORDS: Readonly<Record<SearchMode, Words>> = {
  hybrid: { label: "Words and meaning", by: "words and meaning" },
  vector: { label: "Meaning only", by: "meaning" },
  keyword: { label: "Words only", by: "words" },
};

export const MODE_NAMES: readonly SearchMode[] = ["hybrid", "vector", "keyword"];
