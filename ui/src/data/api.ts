// The way to the server's REST API. The other files of this folder hold the calls, one file for each kind of thing;
// what goes wrong is an ApiError with the server's code.

import type { Session } from "../session";
import type { ErrorBody, Facts } from "../wire";

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

/** What is not given is left out. A list is given as one parameter for each value. */
export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>;

interface Sent {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

interface SentForm {
  readonly headers?: Readonly<Record<string, string>>;
  readonly onSent: (share: number) => void;
}

/** A path below the API's prefix: `at` escapes what is put into it. */
export function at(parts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return parts.reduce((path, part, index) => path + encodeURIComponent(values[index - 1] ?? "") + part);
}

const PREFIX = "/api/v1";

export class Api {
  constructor(private readonly session: Session) {}

  get<Reply>(path: string, query: Query = {}, signal?: AbortSignal): Promise<Reply> {
    return this.send("GET", PREFIX + path + queryText(query), undefined, { signal });
  }

  /** A path outside the prefix, such as `/health`. */
  getRoot<Reply>(path: string, signal?: AbortSignal): Promise<Reply> {
    return this.send("GET", path, undefined, { signal });
  }

  post<Reply>(path: string, body?: object, sent: Sent = {}): Promise<Reply> {
    return this.send("POST", PREFIX + path, body, sent);
  }

  put<Reply>(path: string, body?: object): Promise<Reply> {
    return this.send("PUT", PREFIX + path, body, {});
  }

  patch<Reply>(path: string, body: object): Promise<Reply> {
    return this.send("PATCH", PREFIX + path, body, {});
  }

  /** A file, or text that is not JSON, as the body. */
  postRaw<Reply>(path: string, body: Blob, type: string, query: Query = {}): Promise<Reply> {
    return this.send("POST", PREFIX + path + queryText(query), body, { headers: { "Content-Type": type } });
  }

  delete<Reply = void>(path: string, query: Query = {}): Promise<Reply> {
    return this.send("DELETE", PREFIX + path + queryText(query), undefined, {});
  }

  /** A file, such as an export, kept in memory. */
  async file(path: string, query: Query = {}): Promise<Blob> {
    return (await this.answer("GET", PREFIX + path + queryText(query), undefined, {})).blob();
  }

  /** A form with files. `onSent` hears which share of it is on its way, from 0 to 1: `fetch` can't tell. */
  sendForm<Reply>(path: string, form: FormData, { headers = {}, onSent }: SentForm): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", PREFIX + path);
      const key: Sent["headers"] = this.session.key === null ? {} : { Authorization: `Bearer ${this.session.key}` };
      for (const [name, value] of Object.entries({ ...headers, ...key })) request.setRequestHeader(name, value);
      request.upload.onprogress = ({ loaded, total }) => onSent(total === 0 ? 1 : loaded / total);
      request.onerror = () => reject(unreachable());
      request.onload = () => {
        const { status, responseText } = request;
        if (status === 401) this.session.wantKey();
        if (status >= 200 && status < 300) resolve(JSON.parse(responseText) as Reply);
        else reject(new ApiError(status, errorIn(status, responseText)));
      };
      request.send(form);
    });
  }

  /** A file that a command makes, such as a backup. */
  async postFile(path: string): Promise<Blob> {
    return (await this.answer("POST", PREFIX + path, undefined, {})).blob();
  }

  private async send<Reply>(method: string, url: string, body: object | undefined, sent: Sent): Promise<Reply> {
    const response = await this.answer(method, url, body, sent);
    return (response.status === 204 ? undefined : await response.json()) as Reply;
  }

  private async answer(method: string, url: string, body: object | undefined, { headers, signal }: Sent): Promise<Response> {
    const all = new Headers(headers);
    const isRaw = body instanceof Blob;
    if (body !== undefined && !isRaw) all.set("Content-Type", "application/json");
    if (this.session.key !== null) all.set("Authorization", `Bearer ${this.session.key}`);
    const sent = body === undefined ? null : isRaw ? body : JSON.stringify(body);
    const response = await answerTo(url, { method, headers: all, body: sent, signal: signal ?? null });
    if (response.status === 401) this.session.wantKey();
    if (!response.ok) throw new ApiError(response.status, errorIn(response.status, await response.text()));
    return response;
  }
}

function queryText(query: Query): string {
  const given = Object.entries(query).flatMap(([name, value]) => {
    if (value === null || value === undefined) return [];
    const values = typeof value === "object" ? value : [value];
    return values.map((some) => [name, String(some)]);
  });
  const text = new URLSearchParams(given).toString();
  return text === "" ? "" : `?${text}`;
}

async function answerTo(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
}

function unreachable(): ApiError {
  return new ApiError(0, { code: "server_unreachable", message: "The server doesn't answer.", details: {} });
}

function errorIn(status: number, text: string): ErrorBody {
  try {
    const { error } = JSON.parse(text) as { error: Omit<ErrorBody, "details"> & { details?: Facts } };
    if (typeof error.code === "string") return { ...error, details: error.details ?? {} };
  } catch {
    // not ours: a proxy's page, say
  }
  return { code: `answer_${status}`, message: `The server answered with status ${status}.`, details: {} };
}
