// Every JSON shape that passes the server's doors, as in its wire module: REST bodies first, live messages last.
// Times are ISO 8601 in UTC. Ranges and offsets count code points, not UTF-16 units: see text/codePoints.

export type TaskStatus = "queued" | "running" | "paused" | "completed" | "failed" | "cancelled";
export type UrlState = "queued" | "stored" | "skipped" | "failed";
export type CrawlStage = "discovered" | "fetched" | "extracted" | "chunked" | "stored" | "embedded";
/** How a crawl came to know a URL. */
export type UrlOrigin = "start" | "link" | "sitemap" | "llms" | "feed" | "canonical" | "part";
/** How a page was got; `unchanged`: not at all, the site said that the stored one still holds. */
export type FetchedBy = "http" | "browser" | "markdown" | "unchanged";
export type RenderMode = "auto" | "http" | "browser";
export type EventType =
  | "task_queued"
  | "task_released"
  | "task_reprioritised"
  | "task_rebound"
  | "task_started"
  | "task_resumed"
  | "task_progressed"
  | "task_step_completed"
  | "task_retry_scheduled"
  | "task_pause_requested"
  | "task_paused"
  | "task_cancel_requested"
  | "task_completed"
  | "task_failed"
  | "task_cancelled"
  | "task_superseded"
  | "stage_started"
  | "page_stored"
  | "page_skipped"
  | "page_failed"
  | "page_retry_scheduled"
  | "pages_embedded"
  | "site_surveyed"
  | "rendering_chosen"
  | "source_published"
  | "warning_raised";
export type SeedStatus =
  | "queued"
  | "starting"
  | "analyzing"
  | "crawling"
  | "embedding"
  | "retrying"
  | "paused"
  | "running"
  | "complete"
  | "error"
  | "cancelled";
export type SearchMode = "hybrid" | "vector" | "keyword";
export type PartStatus = "ok" | "degraded" | "off" | "failed";
export type Facts = Readonly<Record<string, unknown>>;
export type Range = readonly [start: number, end: number];

export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly details: Facts;
}

export interface Paged<Item> {
  readonly items: readonly Item[];
  readonly next_cursor: string | null;
}

export interface StageShape {
  readonly done: number;
  readonly total: number | null;
}

export type Stages = Readonly<Partial<Record<CrawlStage, StageShape>>>;

export interface ProgressShape {
  readonly percentage: number;
  readonly stage: string;
  readonly stages: Stages;
  readonly message: string;
  readonly eta_seconds: number | null;
  readonly rate_per_second: number | null;
  readonly current_url: string | null;
  readonly failed: number;
  readonly skipped: number;
}

export interface TaskShape {
  readonly task_id: string;
  readonly task_type: string;
  readonly title: string;
  readonly description: string;
  readonly status: TaskStatus;
  readonly priority: number;
  readonly queue_name: string;
  readonly payload: Facts;
  readonly result: Facts | null;
  readonly error: ErrorBody | null;
  readonly progress: ProgressShape;
  readonly progress_details: { readonly current_step: string; readonly progress: number };
  readonly retry_attempts: number;
  readonly max_retries: number;
  readonly run_at: string;
  readonly created_at: string;
  readonly processing_started_at: string | null;
  readonly processing_completed_at: string | null;
  readonly estimated_completion_at: string | null;
  readonly last_error_at: string | null;
  readonly error_details: ErrorBody | null;
  readonly worker_id: string | null;
  readonly background_task_id: string | null;
  readonly browser_session_id: string | null;
  readonly memory_usage_mb: number | null;
  readonly depends_on: readonly string[];
  readonly coalesce_key: string | null;
  readonly parent_task_id: string | null;
  readonly webhook_url: string | null;
  readonly last_seq: number;
}

export interface EventShape {
  readonly seq: number;
  readonly at: string;
  /** An EventType; a newer server may send others. */
  readonly type: string;
  readonly message: string;
  readonly data: Facts;
}

export interface UrlShape {
  readonly url: string;
  readonly state: UrlState;
  readonly reason: string | null;
  readonly message: string | null;
  readonly status_code: number | null;
  readonly depth: number;
  readonly attempts: number;
  readonly found_on: string | null;
  readonly page_id: string | null;
  readonly chunks: number | null;
  readonly code_examples: number | null;
  readonly elapsed_seconds: number | null;
  readonly settled_at: string | null;
  readonly origin: UrlOrigin;
  readonly lastmod: string | null;
  readonly fetched_by: FetchedBy | null;
  /** The key of the URL that it is the same as: `//host/path`. */
  readonly same_as: string | null;
}

export interface RetryRequest {
  readonly only?: "failed";
}

/** What the browser does on each page before it is read. */
export interface BrowserOptions {
  readonly wait_for?: string;
  readonly wait_until?: "settled" | "domcontentloaded" | "load" | "networkidle";
  readonly scripts?: readonly string[];
  readonly clicks?: readonly string[];
  readonly scroll?: boolean;
  readonly timeout_seconds?: number;
}

export interface CrawlRequest {
  readonly url: string;
  readonly max_depth?: number;
  readonly max_pages?: number;
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
  readonly max_minutes?: number;
  readonly subdomains?: boolean;
  readonly all_variants?: boolean;
  readonly render?: RenderMode;
  readonly browser?: BrowserOptions;
  readonly extract_code?: boolean;
  readonly tags?: readonly string[];
  readonly knowledge_type?: string;
  readonly priority?: number;
}

export interface CrawlStarted {
  readonly success: boolean;
  readonly task_id: string;
  readonly progress_id: string;
  readonly source_id: string;
  readonly status: string;
  readonly message: string;
}

export interface TriedShape {
  readonly url: string;
  readonly target: string;
  readonly outcome: string;
  readonly found: number;
  readonly wanted: number;
  readonly reason: string | null;
}

/** A folder, with how many known pages at or below it would be taken. */
export interface BranchShape {
  readonly path: string;
  readonly pages: number;
  readonly children: readonly BranchShape[];
}

/** What a crawl would take and skip. `skipped` counts known URLs by reason, `examples` are a few of these. */
export interface PreviewShape {
  readonly url: string;
  readonly final_url: string;
  readonly title: string;
  readonly generator: string;
  readonly mode: "single" | "site" | "recursive";
  readonly sentence: string;
  readonly rendering_sign: string | null;
  readonly robots: { readonly crawl_delay_seconds: number | null; readonly sitemaps: readonly string[] };
  readonly tried: readonly TriedShape[];
  readonly is_complete: boolean;
  readonly estimate: { readonly pages: number; readonly is_whole: boolean; readonly seconds: number; readonly tokens: number };
  readonly scope: BranchShape;
  readonly skipped: Readonly<Record<string, number>>;
  readonly examples: Readonly<Record<string, readonly string[]>>;
}

export interface SourceShape {
  readonly source_id: string;
  readonly url: string;
  readonly title: string;
  readonly tags: readonly string[];
  readonly knowledge_type: string;
  readonly options: Facts;
  readonly created_at: string;
  readonly updated_at: string;
  readonly last_task_id: string | null;
  readonly pages: number;
  readonly chunks: number;
  readonly code_examples: number;
  readonly embedded_chunks: number;
  readonly size_bytes: number;
  readonly description: string;
  /** The number of the state that is seen. */
  readonly generation: number;
}

export interface PageSummary {
  readonly page_id: string;
  readonly source_id: string;
  readonly url: string;
  readonly title: string;
  readonly language: string | null;
  readonly version: string | null;
  readonly chars: number;
  readonly fetched_at: string;
  /** When a refresh first didn't meet it any more. */
  readonly missing_since: string | null;
}

export interface HeadingShape {
  readonly level: number;
  readonly text: string;
  readonly anchor: string | null;
  readonly offset: number;
}

export interface PageShape extends PageSummary {
  readonly description: string;
  readonly markdown: string;
  readonly outline: readonly HeadingShape[];
  readonly content_hash: string;
  readonly status_code: number;
  readonly content_type: string;
  readonly etag: string | null;
  readonly last_modified: string | null;
  readonly size_bytes: number;
  readonly task_id: string;
  readonly fetched_by: FetchedBy;
}

export interface ChunkShape {
  readonly chunk_id: string;
  readonly page_id: string;
  readonly source_id: string;
  readonly ordinal: number;
  readonly start: number;
  readonly end: number;
  readonly heading_path: readonly string[];
  readonly content: string;
  readonly context: string;
}

export interface CodeExampleShape {
  readonly code_id: string;
  readonly page_id: string;
  readonly source_id: string;
  readonly url: string;
  readonly title: string;
  readonly ordinal: number;
  readonly language: string | null;
  readonly code: string;
  readonly heading_path: readonly string[];
  readonly context: string;
  readonly start: number;
  readonly end: number;
  /** The page names no language: this one was worked out from the code. */
  readonly is_guessed: boolean;
  /** What a chat model calls it, empty without one. */
  readonly name: string;
  /** The sentence before the block, or what a chat model says of it; empty where there is none. */
  readonly summary: string;
}

export interface SearchRequest {
  readonly query: string;
  readonly mode?: SearchMode;
  readonly source_id?: string;
  readonly tags?: readonly string[];
  readonly limit?: number;
}

export interface HitShape {
  readonly chunk_id: string;
  readonly page_id: string;
  readonly source_id: string;
  readonly url: string;
  readonly title: string;
  readonly heading_path: readonly string[];
  readonly content: string;
  /** Where the chunk stands in its page, empty if that isn't known. */
  readonly context: string;
  readonly highlights: readonly Range[];
  readonly matched: readonly string[];
  readonly folded: readonly { readonly chunk_id: string; readonly url: string }[];
  readonly neighbours: readonly ChunkShape[];
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
}

export interface SearchReply {
  readonly hits: readonly HitShape[];
  readonly took_ms: number;
  readonly mode: SearchMode;
  /** Words that nothing has, with those that were looked for instead. */
  readonly corrections: Readonly<Record<string, string>>;
  /** What was not done as asked, in sentences. */
  readonly notes: readonly string[];
}

export interface CodeSearchRequest {
  readonly query: string;
  readonly language?: string;
  readonly source_id?: string;
  readonly limit?: number;
}

export interface CodeHit extends CodeExampleShape {
  readonly highlights: readonly Range[];
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
}

export interface CodeSearchReply {
  readonly hits: readonly CodeHit[];
  readonly took_ms: number;
  readonly corrections: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
}

export interface PartHealth {
  readonly status: PartStatus;
  readonly message: string;
}

export interface Health {
  readonly status: "ok" | "degraded";
  readonly version: string;
  readonly started_at: string;
  readonly parts: Readonly<Record<string, PartHealth>>;
  readonly example_url: string | null;
  readonly needs_key: boolean;
}

// Live messages

/** What a room hears: every event after `prevSeq` up to `seq`, and the task as it stood then. */
export interface ProgressUpdate {
  readonly progressId: string;
  readonly prevSeq: number;
  readonly seq: number;
  readonly events: readonly EventShape[];
  readonly status: SeedStatus;
  readonly taskStatus: TaskStatus;
  /** -1 once the task has failed. */
  readonly percentage: number;
  readonly stage: string;
  readonly stages: Stages;
  readonly currentUrl: string | null;
  readonly log: string;
  readonly etaSeconds: number | null;
  readonly ratePerSecond: number | null;
  readonly failed: number;
  readonly skipped: number;
  readonly error: ErrorBody | null;
}

export interface SubscribeAck {
  readonly progressId: string;
  readonly found: boolean;
  readonly task: TaskShape | null;
  /** The task's head, which may be beyond the last of `events`. */
  readonly lastSeq: number;
  readonly firstSeq?: number | null;
  readonly events: readonly EventShape[];
  readonly more: boolean;
  readonly startOver: boolean;
}

export interface ErrorAck {
  readonly error: ErrorBody;
}

export interface TasksAck {
  readonly items: readonly TaskShape[];
}
