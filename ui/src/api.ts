// Every REST call of the UI. What goes wrong is an ApiError with the server's code.

import type { Session } from "./session";
import type {
  ChunkShape,
  CodeExampleShape,
  CodeSearchReply,
  CodeSearchRequest,
  CrawlStart,
  CrawlStarted,
  ErrorBody,
  EventShape,
  Facts,
  Health,
  Paged,
  PageShape,
  PageSummary,
  PreviewShape,
  RetryRequest,
  SearchReply,
  SearchRequest,
  SourceShape,
  TaskShape,
  UrlShape,
  UrlState,
} from "./wire";

export class ApiError extends Error {
  readonly code: string;
  readonly details: Facts;

  /** `status` is 0 when there was no answer at all. */
  constructor(
    readonly status: number,
    body: ErrorBody,
  ) {
    super(body.message);
    this.name = "ApiError";
    this.code = body.code;
    this.details = body.details;
  }

  get body(): ErrorBody {
    return { code: this.code, message: this.message, details: this.details };
  }
}

interface Call {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

type Query = Readonly<Record<string, string | number | null | undefined>>;

const PREFIX = "/api/v1";

export class Api {
  constructor(private readonly session: Session) {}

  health(signal?: AbortSignal): Promise<Health> {
    return this.call("GET", "/health", { signal });
  }

  startCrawl(request: CrawlStart, idempotencyKey: string): Promise<CrawlStarted> {
    return this.call("POST", `${PREFIX}/knowledge/add`, {
      body: request,
      headers: { "Idempotency-Key": idempotencyKey },
    });
  }

  /** What a crawl would take and skip; it takes seconds, as the server looks at the site. */
  preview(request: CrawlStart, signal?: AbortSignal): Promise<PreviewShape> {
    return this.call("POST", `${PREFIX}/knowledge/preview`, { body: request, signal });
  }

  tasks(query: { limit: number; cursor?: string | null }, signal?: AbortSignal): Promise<Paged<TaskShape>> {
    return this.get("/tasks", query, signal);
  }

  task(taskId: string, signal?: AbortSignal): Promise<TaskShape> {
    return this.get(`/tasks/${encodeURIComponent(taskId)}`, {}, signal);
  }

  /** The last `limit` events before `before`, ascending. */
  olderEvents(taskId: string, before: number, limit: number): Promise<Paged<EventShape>> {
    return this.get(`/tasks/${encodeURIComponent(taskId)}/events`, { before, limit });
  }

  urls(
    taskId: string,
    query: { state?: UrlState | undefined; reason?: string | undefined; cursor?: string | null; limit: number },
    signal?: AbortSignal,
  ): Promise<Paged<UrlShape>> {
    return this.get(`/tasks/${encodeURIComponent(taskId)}/pages`, query, signal);
  }

  cancel(taskId: string): Promise<TaskShape> {
    return this.call("PUT", `${PREFIX}/tasks/${encodeURIComponent(taskId)}/cancel`, {});
  }

  retry(taskId: string, request: RetryRequest): Promise<TaskShape> {
    return this.call("POST", `${PREFIX}/tasks/${encodeURIComponent(taskId)}/retry`, { body: request });
  }

  sources(query: { limit: number; cursor?: string | null }, signal?: AbortSignal): Promise<Paged<SourceShape>> {
    return this.get("/sources", query, signal);
  }

  source(sourceId: string, signal?: AbortSignal): Promise<SourceShape> {
    return this.get(`/sources/${encodeURIComponent(sourceId)}`, {}, signal);
  }

  deleteSource(sourceId: string): Promise<void> {
    return this.call("DELETE", `${PREFIX}/sources/${encodeURIComponent(sourceId)}`, {});
  }

  pages(
    sourceId: string,
    query: { cursor?: string | null; limit: number },
    signal?: AbortSignal,
  ): Promise<Paged<PageSummary>> {
    return this.get(`/sources/${encodeURIComponent(sourceId)}/pages`, query, signal);
  }

  /** All chunks of a page, in order. */
  async chunksOfPage(sourceId: string, pageId: string, signal?: AbortSignal): Promise<ChunkShape[]> {
    const chunks: ChunkShape[] = [];
    let cursor: string | null = null;
    do {
      const query: Query = { page_id: pageId, limit: 200, cursor };
      const some: Paged<ChunkShape> = await this.get(`/sources/${encodeURIComponent(sourceId)}/chunks`, query, signal);
      chunks.push(...some.items);
      cursor = some.next_cursor;
    } while (cursor !== null);
    return chunks;
  }

  codeExamples(
    sourceId: string,
    query: { language?: string | undefined; cursor?: string | null; limit: number },
    signal?: AbortSignal,
  ): Promise<Paged<CodeExampleShape>> {
    return this.get(`/sources/${encodeURIComponent(sourceId)}/code-examples`, query, signal);
  }

  page(pageId: string, signal?: AbortSignal): Promise<PageShape> {
    return this.get(`/pages/${encodeURIComponent(pageId)}`, {}, signal);
  }

  search(request: SearchRequest, signal?: AbortSignal): Promise<SearchReply> {
    return this.call("POST", `${PREFIX}/search`, { body: request, signal });
  }

  searchCode(request: CodeSearchRequest, signal?: AbortSignal): Promise<CodeSearchReply> {
    return this.call("POST", `${PREFIX}/search/code`, { body: request, signal });
  }

  private get<Reply>(path: string, query: Query, signal?: AbortSignal): Promise<Reply> {
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === null || value === undefined ? [] : [[name, String(value)]],
    );
    const text = new URLSearchParams(given).toString();
    return this.call("GET", `${PREFIX}${path}${text === "" ? "" : `?${text}`}`, { signal });
  }

  private async call<Reply>(method: string, url: string, { body, headers, signal }: Call): Promise<Reply> {
    const sent = new Headers(headers);
    if (body !== undefined) sent.set("Content-Type", "application/json");
    if (this.session.key !== null) sent.set("Authorization", `Bearer ${this.session.key}`);
    const response = await answerTo(url, {
      method,
      headers: sent,
      body: body === undefined ? null : JSON.stringify(body),
      signal: signal ?? null,
    });
    if (response.status === 401) this.session.wantKey();
    if (!response.ok) throw new ApiError(response.status, await errorOf(response));
    return (response.status === 204 ? undefined : await response.json()) as Reply;
  }
}

async function answerTo(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "server_unreachable", message: "The server doesn't answer.", details: {} });
  }
}

async function errorOf(response: Response): Promise<ErrorBody> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: Omit<ErrorBody, "details"> & { details?: Facts } };
    if (typeof error.code === "string") return { ...error, details: error.details ?? {} };
  } catch {
    // not ours: a proxy's page, say
  }
  return { code: `answer_${response.status}`, message: `The server answered with status ${response.status}.`, details: {} };
}
