// The searches of late, kept in this browser alone.

import { keepPreference, readPreference } from "../../preferences";
import { recentOf, withSearch } from "../../text/recent";

const NAME = "searches";

export function recentSearches(): string[] {
  return recentOf(readPreference(NAME));
}

export function rememberSearch(query: string): void {
  if (query !== "") keepPreference(NAME, JSON.stringify(withSearch(recentSearches(), query)));
}

export function forgetSearches(): void {
  keepPreference(NAME, null);
}
