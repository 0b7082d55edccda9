// What sources are called.

import { useQuery } from "@tanstack/react-query";

import { useApp } from "../../components/app";
import { facetsQuery } from "../../data/search";
import { shortUrl } from "../../text/format";
import { visible } from "../../text/visible";
import type { FacetsReply, SourceFacetShape } from "../../wire";
import { useParamsOf } from "./change";
import { listed } from "./params";

export function sourceName({ title, url }: Pick<SourceFacetShape, "title" | "url">): string {
  return visible(title === "" ? shortUrl(url) : title);
}

/** What there is to filter by in the chosen sources; undefined until it is known. */
export function useFacets(): FacetsReply | undefined {
  const { api } = useApp();
  const { source } = useParamsOf();
  return useQuery(facetsQuery(api, listed(source))).data;
}

/** The name of a source by its id; the id itself until it is known. */
export function useSourceNames(): (sourceId: string) => string {
  const sources = useFacets()?.sources ?? [];
  const names = new Map(sources.map((source) => [source.source_id, sourceName(source)]));
  return (sourceId) => names.get(sourceId) ?? sourceId;
}
