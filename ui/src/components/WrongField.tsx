// The error of a form that has one place for all of them, with the field that the server named.

import type { ReactNode } from "react";

import { ApiError } from "../data/api";
import { InlineError } from "./Failure";

export function WrongField({ error }: { error: Error | null }): ReactNode {
  const field = error instanceof ApiError ? error.details.field : undefined;
  return (
    <div>
      {typeof field === "string" ? <b className="sm mono">{field}</b> : null}
      <InlineError error={error} />
    </div>
  );
}
