// An error on the page: what happened, what survived, what to do, and its code to copy.

import type { ReactNode } from "react";

import { ApiError } from "../data/api";
import { adviceFor, adviceOf, errorReport } from "../text/failure";
import { visible } from "../text/visible";
import type { ErrorBody } from "../wire";
import { CopyButton } from "./buttons";
import { Loading } from "./Loading";

interface Props {
  readonly error: ErrorBody;
  readonly survived?: string | null;
  readonly context?: Readonly<Record<string, string>>;
  readonly children?: ReactNode;
}

export function Failure({ error, survived = null, context = {}, children }: Props): ReactNode {
  const advice = adviceOf(error);
  return (
    <section className="card fail" aria-label={advice.what}>
      <h2>{advice.what}</h2>
      <p className="wrap">
        {visible(error.message)} {survived}
      </p>
      <p>
        <b>What you can do.</b> {advice.todo}
      </p>
      {children}
      <p className="muted sm row">
        Error code <code className="mono">{error.code}</code>
        <CopyButton text={errorReport(error, context)} label="Copy details" isQuiet />
      </p>
    </section>
  );
}

export function errorOf(error: Error): ErrorBody {
  return error instanceof ApiError
    ? error.body
    : { code: "internal_error", message: error.message, details: { name: error.name } };
}

/** A short form for below a button or a field. */
export function InlineError({ error }: { error: Error | null }): ReactNode {
  if (error === null) return null;
  const { code, message, details } = errorOf(error);
  // Below its field the field's name need not be said again.
  const text = typeof details.reason === "string" ? `This ${details.reason}.` : message;
  return (
    <p className="inline-error" role="alert">
      <span>{visible(text)}</span> <span className="muted">{adviceFor(code).todo}</span>
    </p>
  );
}

interface LoadedProps<Data> {
  readonly query: { readonly data: Data | undefined; readonly error: Error | null };
  readonly children: (data: Data) => ReactNode;
}

/** What a query gave, or that it is on its way, or why it failed. Data that is there stays, also when a refresh fails. */
export function Loaded<Data>({ query, children }: LoadedProps<Data>): ReactNode {
  if (query.data !== undefined) return children(query.data);
  if (query.error !== null) return <Failure error={errorOf(query.error)} />;
  return <Loading />;
}
