// Every JSON shape that passes the server's doors. `schema.ts` is made from the server's own description of its API
// (`make wire-types`); here are only the names that the UI gives to parts of it.
// Times are ISO 8601 in UTC. Ranges and offsets count code points, not UTF-16 units: see text/codePoints.
import type { CrawlStart, HitShape, PartHealth, PreviewShape, ProgressShape, SearchReply, TaskShape, UrlShape } from "./schema";

export type * from "./schema";

export type Facts = TaskShape["payload"];
export type Stages = ProgressShape["stages"];
export type CrawlStage = "discovered" | "fetched" | "extracted" | "chunked" | "stored" | "embedded";
export type SearchMode = SearchReply["mode"];
export type PartStatus = PartHealth["status"];
export type CrawlMode = PreviewShape["mode"];
export type RenderMode = NonNullable<CrawlStart["render"]>;
export type FetchedBy = NonNullable<UrlShape["fetched_by"]>;
export type Range = HitShape["highlights"][number];

export interface Paged<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}
